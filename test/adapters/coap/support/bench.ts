/** What the tests of the CoAP adapter stand on: an engine without a network, and a peer that is made of bytes. */

import { CoapEndpoint } from '#adapters/coap/endpoint.ts'
import type { EndpointLimits } from '#adapters/coap/endpoint-types.ts'
import { CoapEngine, type CoapEngineOptions } from '#adapters/coap/engine.ts'
import { silentLogger } from '#base/logger.ts'
import type { ClientLimits } from '#broker/ports.ts'
import {
  type CoapMessage,
  type CoapOption,
  type CoapType,
  decodeMessage,
  encodeMessage,
  formatCode,
  pathOptions,
  queryOptions,
  TYPE,
} from '#codecs/coap/index.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'
import { FakeBroker } from './fake-broker.ts'

export const CLIENT_LIMITS: ClientLimits = {
  queue: { messagesMax: 1000, bytesMax: 1 << 20, ageMaxMs: 0, whenFull: 'drop-oldest', qos0: false },
  inFlightMax: 32,
  topicLevelsMax: 128,
}

export interface Ask {
  type?: CoapType
  code?: number
  path?: string[]
  query?: string[]
  options?: CoapOption[]
  payload?: Uint8Array | string
  messageId?: number
  token?: Uint8Array
}

interface Receiver {
  receive(bytes: Uint8Array, remote: { address: string; port: number; loopback: boolean }): void
}

/** A peer that sends what the test says and keeps what it gets. */
export class RawPeer {
  readonly inbox: CoapMessage[] = []
  readonly raw: Uint8Array[] = []
  readonly address: string
  readonly port: number
  readonly loopback: boolean
  readonly #receiver: Receiver
  #messageId = 1000

  constructor(receiver: Receiver, port = 40_000, loopback = true, address = loopback ? '127.0.0.1' : '192.0.2.7') {
    this.#receiver = receiver
    this.address = address
    this.port = port
    this.loopback = loopback
  }

  get remote() {
    return { address: this.address, port: this.port, loopback: this.loopback }
  }

  take(bytes: Uint8Array): void {
    this.raw.push(bytes.slice())
    const decoded = decodeMessage(bytes.slice())
    if (decoded.outcome !== 'message') throw new Error(`the endpoint sent ${decoded.outcome}: ${decoded.reason}`)
    this.inbox.push(decoded.message)
  }

  sendBytes(bytes: Uint8Array): void {
    this.#receiver.receive(bytes, this.remote)
  }

  encode(ask: Ask): Uint8Array {
    const { type = TYPE.CON, code = 1, path = [], query = [], options = [], payload = '', token = Uint8Array.of(1, 2) } = ask
    const messageId = ask.messageId ?? this.#messageId++
    const all = [...pathOptions(path), ...queryOptions(query), ...options]
    return encodeMessage({ type, code, messageId, token, options: all, payload: Buffer.from(payload) })
  }

  /** Sends a request and returns all that came back at once. */
  ask(ask: Ask): CoapMessage[] {
    this.inbox.length = 0
    this.sendBytes(this.encode(ask))
    return [...this.inbox]
  }

  /** The same for an exchange with exactly one message back. */
  one(ask: Ask): CoapMessage {
    const answers = this.ask(ask)
    if (answers.length !== 1) throw new Error(`${answers.length} messages came back: ${answers.map(show).join(', ')}`)
    return answers[0]
  }

  acknowledge(messageId: number): void {
    this.sendBytes(encodeMessage({ type: TYPE.ACK, code: 0, messageId, token: new Uint8Array(0), options: [], payload: new Uint8Array(0) }))
  }

  reset(messageId: number): void {
    this.sendBytes(Uint8Array.of(0x70, 0, messageId >> 8, messageId & 0xff))
  }

  /** Empties the inbox and returns what was in it. */
  drain(): CoapMessage[] {
    return this.inbox.splice(0)
  }
}

/** `ACK 2.05 [22.3 C]` */
export function show(message: CoapMessage): string {
  const payload = message.payload.length === 0 ? '' : ` [${Buffer.from(message.payload).toString()}]`
  return `${['CON', 'NON', 'ACK', 'RST'][message.type]} ${formatCode(message.code)}${payload}`
}

export function text(message: { payload: Uint8Array }): string {
  return Buffer.from(message.payload).toString()
}

/** An endpoint on a virtual clock whose datagrams go to the peers that the test made. */
export function endpointBench(limits: Partial<EndpointLimits> = {}) {
  const clock = new VirtualClock(7)
  const peers = new Map<string, RawPeer>()
  const port = { send: (bytes: Uint8Array, address: string, to: number) => peers.get(`${address} ${to}`)?.take(bytes) }
  const endpoint = new CoapEndpoint(port, clock, limits)
  const peer = (number = 40_000, loopback = true) => {
    const made = new RawPeer(endpoint, number, loopback)
    const key = `${made.address} ${number}`
    const known = peers.get(key)
    if (known === undefined) peers.set(key, made)
    return known ?? made
  }
  return { clock, endpoint, peer }
}

/** A whole engine with a fake broker. */
export function engineBench(options: Partial<CoapEngineOptions> = {}) {
  const clock = new VirtualClock(7)
  const broker = new FakeBroker(clock)
  const peers = new Map<string, RawPeer>()
  const port = { send: (bytes: Uint8Array, address: string, to: number) => peers.get(`${address} ${to}`)?.take(bytes) }
  const engine = new CoapEngine({
    broker,
    access: broker.access,
    clock,
    logger: silentLogger,
    port,
    listener: 'coap',
    limits: CLIENT_LIMITS,
    payloadBytesMax: 1 << 20,
    clientsMax: 1000,
    ...options,
  })
  const peer = (number = 40_000, loopback = true) => {
    const made = new RawPeer(engine, number, loopback)
    const key = `${made.address} ${number}`
    const known = peers.get(key)
    if (known === undefined) peers.set(key, made)
    return known ?? made
  }
  return { clock, broker, engine, peer }
}
