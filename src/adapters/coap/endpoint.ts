import type { Clock, Timer } from '#base/clock.ts'
import { type Logger, silentLogger } from '#base/logger.ts'
import { type CoapMessage, decodeMessage, encodeAck, encodeReset, isRequestCode, TYPE } from '#codecs/coap/index.ts'
import type { DatagramRemote } from '#listeners/types.ts'
import { OutgoingBodies } from './endpoint-bodies.ts'
import { Client, type ClientObservation, type OutgoingRequest } from './endpoint-client.ts'
import type { EndpointContext } from './endpoint-context.ts'
import { DuplicateTable, datagramHash } from './endpoint-duplicates.ts'
import { type Peer, PeerTable } from './endpoint-peer.ts'
import type { Resource } from './endpoint-resources.ts'
import { Server } from './endpoint-server.ts'
import { Transmitter } from './endpoint-transmission.ts'
import {
  type CoapResponse,
  type DatagramPort,
  ENDPOINT_LIMITS,
  type EndpointCounters,
  type EndpointLimits,
  endpointCounters,
  type ReceivedResponse,
} from './endpoint-types.ts'
import { Verification } from './endpoint-verification.ts'

const SWEEP_MS = 15_000

/**
 * A CoAP endpoint, server and client in one (`RFC 7252 §2`): a state machine between a datagram port and resources. The
 * owner hands it what arrives by `receive`; nothing that arrives makes it throw.
 */
export class CoapEndpoint {
  readonly counters: EndpointCounters = endpointCounters()
  readonly #clock: Clock
  readonly #limits: EndpointLimits
  readonly #port: DatagramPort
  readonly #peers: PeerTable
  readonly #duplicates: DuplicateTable
  readonly #transmitter: Transmitter
  readonly #server: Server
  readonly #client: Client
  readonly #context: EndpointContext
  #sweepTimer: Timer | undefined
  #closed = false

  constructor(port: DatagramPort, clock: Clock, limits: Partial<EndpointLimits> = {}, logger: Logger = silentLogger) {
    this.#port = port
    this.#clock = clock
    this.#limits = { ...ENDPOINT_LIMITS, ...limits }
    const { counters } = this
    const send = (peer: Peer, bytes: Uint8Array) => this.#send(peer, bytes)
    this.#peers = new PeerTable(clock, this.#limits, counters)
    this.#duplicates = new DuplicateTable(this.#limits, counters)
    this.#transmitter = new Transmitter(clock, this.#limits, counters, send)
    this.#context = {
      clock,
      logger,
      limits: this.#limits,
      counters,
      duplicates: this.#duplicates,
      transmitter: this.#transmitter,
      verification: new Verification(clock, this.#limits),
      outgoing: new OutgoingBodies(clock, this.#limits, counters),
      send,
    }
    this.#server = new Server(this.#context)
    this.#client = new Client(this.#context)
    this.#armSweep()
  }

  /** What the endpoint holds at the moment. */
  get load() {
    return {
      peers: this.#peers.size,
      duplicates: this.#duplicates.size,
      observers: this.#server.observers.size,
      pending: this.#server.pending,
      requests: this.#client.pending,
    }
  }

  /** Offers a resource. */
  add(resource: Resource): void {
    this.#server.resources.add(resource)
  }

  remove(resource: Resource): void {
    this.#server.resources.remove(resource)
  }

  /**
   * Sends a request and resolves with its response, the body complete whatever number of blocks it took.
   * @throws GatewayError `timeout`, `refused` (RST), `decode-malformed`, `quota-exceeded`, `server-busy`
   */
  request(remote: DatagramRemote, request: OutgoingRequest): Promise<ReceivedResponse> {
    const peer = this.#closed ? undefined : this.#peers.at(remote)
    return this.#client.request(peer, request)
  }

  /**
   * Observes a resource (`RFC 7641 §3`): resolves with the first response; further ones go to `notified`, in order, stale
   * ones left out, until `cancel` or the end, which is told by `ended`.
   */
  observe(
    remote: DatagramRemote,
    request: OutgoingRequest,
    notified: (response: ReceivedResponse) => void,
    ended: () => void = () => {},
  ): Promise<ClientObservation> {
    const peer = this.#closed ? undefined : this.#peers.at(remote)
    return this.#client.observe(peer, request, notified, ended)
  }

  /** Takes a datagram. `bytes` must stay unchanged afterwards: payloads are views into it. */
  receive(bytes: Uint8Array, remote: DatagramRemote): void {
    if (this.#closed) return
    this.counters.received++
    const decoded = decodeMessage(bytes)
    if (decoded.outcome === 'message') this.#take(bytes, decoded.message, remote)
    else if (decoded.outcome === 'ignored') this.counters.ignored++
    else {
      this.counters.malformed++
      // Only what is Confirmable is rejected aloud (`RFC 7252 §4.2, §4.3`).
      if (decoded.type === TYPE.CON) this.#port.send(encodeReset(decoded.messageId), remote.address, remote.port)
    }
  }

  /** Ends observations (with 5.03, so that clients look for another way) and transmissions; later input is ignored. */
  close(): void {
    if (this.#closed) return
    this.#server.observers.endAll('stopped', CLOSING)
    this.#client.close()
    for (const peer of this.#peers.all()) this.#transmitter.cancelAll(peer)
    this.#closed = true
    this.#clock.clearTimer(this.#sweepTimer)
  }

  #take(bytes: Uint8Array, message: CoapMessage, remote: DatagramRemote): void {
    const { type, code, messageId } = message
    if (type === TYPE.ACK || type === TYPE.RST) {
      const peer = this.#peers.find(remote)
      if (peer === undefined) this.counters.unexpected++
      else this.#answered(peer, bytes, message)
      return
    }
    if (code === 0) {
      // A ping. A Non-confirmable Empty message means nothing (`RFC 7252 §4.3`).
      if (type === TYPE.CON) this.#port.send(encodeReset(messageId), remote.address, remote.port)
      else this.counters.unexpected++
      return
    }
    const peer = this.#peers.at(remote)
    if (peer === undefined) return
    peer.bytesIn += bytes.length
    const nowMs = this.#clock.monotonic()
    const hash = datagramHash(bytes)
    const known = this.#duplicates.find(peer, messageId, hash, nowMs)
    if (known >= 0) {
      this.#repeated(peer, known, type === TYPE.CON)
      return
    }
    const lifetimeMs = type === TYPE.CON ? this.#limits.exchangeLifetimeMs : this.#limits.nonLifetimeMs
    const ticket = this.#duplicates.add(peer, messageId, hash, nowMs, lifetimeMs)
    if (isRequestCode(code)) this.#server.accept(peer, message, ticket)
    else this.#response(peer, message, ticket)
  }

  /** A duplicate is answered as it was, or not yet, and never acted upon (`RFC 7252 §4.2, §4.3`). */
  #repeated(peer: Peer, ticket: number, confirmable: boolean): void {
    this.counters.duplicates++
    if (!confirmable) return
    const reply = this.#duplicates.reply(ticket)
    if (reply !== undefined) this.#send(peer, reply)
  }

  /** A response in a message of its own: Confirmable ones get an ACK, or RST when nobody waits for them. */
  #response(peer: Peer, message: CoapMessage, ticket: number): void {
    const wanted = this.#client.response(peer, message)
    if (!wanted) this.counters.unexpected++
    if (message.type !== TYPE.CON && wanted) return
    const reply = wanted ? encodeAck(message.messageId) : encodeReset(message.messageId)
    this.#duplicates.answer(ticket, reply)
    this.#send(peer, reply)
  }

  #answered(peer: Peer, bytes: Uint8Array, message: CoapMessage): void {
    const { messageId } = message
    peer.lastSeenMs = this.#clock.monotonic()
    if (message.type === TYPE.RST) {
      const known = this.#transmitter.reset(peer, messageId) || this.#server.observers.reset(peer, messageId)
      if (!known) this.counters.unexpected++
      return
    }
    if (!this.#transmitter.acknowledged(peer, messageId)) {
      this.counters.unexpected++
      return
    }
    peer.bytesIn += bytes.length
    if (message.code !== 0 && !this.#client.response(peer, message)) this.counters.unexpected++
  }

  #send(peer: Peer, bytes: Uint8Array): void {
    this.counters.sent++
    peer.bytesOut += bytes.length
    this.#port.send(bytes, peer.address, peer.port)
  }

  #armSweep(): void {
    this.#sweepTimer = this.#clock.setTimer(SWEEP_MS, () => {
      this.#server.sweep()
      this.#context.outgoing.sweep()
      this.#peers.sweep()
      this.#armSweep()
    })
  }
}

const CLOSING: CoapResponse = { code: 0xa3 }
