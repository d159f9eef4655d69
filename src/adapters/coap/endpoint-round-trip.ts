import type { Timer } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import {
  CODE,
  type CoapMessage,
  type CoapOption,
  encodeMessage,
  findOption,
  isCritical,
  OPTION,
  optionDefinition,
  TYPE,
} from '#codecs/coap/index.ts'
import type { ClientObservation } from './endpoint-client-observation.ts'
import { bytesKey, type EndpointContext } from './endpoint-context.ts'
import type { Peer } from './endpoint-peer.ts'
import type { Transmission, TransmissionEnd } from './endpoint-transmission.ts'

/** One message out and its response. */
export interface RoundTrip {
  readonly code: number
  readonly options: readonly CoapOption[]
  readonly payload: Uint8Array
  readonly confirmable: boolean
  readonly timeoutMs: number
  /** Registers this observation: its token stays bound to it if the server agrees. */
  readonly observation?: ClientObservation | undefined
  /** The token to use; default a new one. */
  readonly token?: Uint8Array
}

interface Pending {
  readonly peer: Peer
  readonly trip: RoundTrip
  readonly token: Uint8Array
  messageId: number
  transmission: Transmission | undefined
  timer: Timer | undefined
  echoed: boolean
  resolve: (response: CoapMessage) => void
  reject: (error: GatewayError) => void
}

/** Requests without a response, over all peers; full: newcomers fail. */
const PENDING_MAX = 10_000
export const TOKEN_BYTES = 6

/** Binds responses to requests by token and peer (`RFC 7252 §5.3.2`), and notifications to observations. */
export class RoundTrips {
  readonly #context: EndpointContext
  readonly #pending = new Map<string, Pending>()
  readonly #observations = new Map<string, ClientObservation>()

  constructor(context: EndpointContext) {
    this.#context = context
  }

  get pending(): number {
    return this.#pending.size + this.#observations.size
  }

  start(peer: Peer, trip: RoundTrip): Promise<CoapMessage> {
    if (this.#pending.size >= PENDING_MAX) {
      return Promise.reject(new GatewayError('quota-exceeded', 'too many CoAP requests wait for a response', { retryable: true }))
    }
    return new Promise((resolve, reject) => {
      const token = trip.token ?? this.#context.clock.randomBytes(TOKEN_BYTES)
      const pending: Pending = {
        peer,
        trip,
        token,
        messageId: 0,
        transmission: undefined,
        timer: undefined,
        echoed: false,
        resolve,
        reject,
      }
      if (trip.token !== undefined) this.#observations.delete(key(peer, token))
      this.#pending.set(key(peer, token), pending)
      this.#send(pending, trip.options)
    })
  }

  /** Takes a response. False: nobody waits for it, or it cannot be understood. */
  response(peer: Peer, message: CoapMessage): boolean {
    const at = key(peer, message.token)
    const pending = this.#pending.get(at)
    const observation = this.#observations.get(at)
    if (pending === undefined && observation === undefined) return false
    const unknown = message.options.find(({ number }) => isCritical(number) && optionDefinition(number) === undefined)
    if (unknown !== undefined) {
      if (pending !== undefined) this.#fail(pending, new GatewayError('decode-unsupported', `CoAP response with option ${unknown.number}`))
      return false
    }
    if (pending !== undefined) this.#complete(pending, message)
    else if (observation?.take(message) !== true) this.#observations.delete(at)
    return true
  }

  close(): void {
    const error = new GatewayError('server-busy', 'the CoAP endpoint is closing')
    for (const pending of [...this.#pending.values()]) this.#fail(pending, error)
    for (const observation of [...this.#observations.values()]) observation.abandon()
    this.#observations.clear()
  }

  #send(pending: Pending, options: readonly CoapOption[]): void {
    const { peer, trip, token } = pending
    const messageId = peer.messageId()
    const type = trip.confirmable ? TYPE.CON : TYPE.NON
    const bytes = encodeMessage({ type, code: trip.code, messageId, token, options, payload: trip.payload })
    pending.messageId = messageId
    if (trip.confirmable) {
      pending.transmission = this.#context.transmitter.transmit(peer, messageId, bytes, end => this.#transmitted(pending, messageId, end))
    } else {
      this.#context.send(peer, bytes)
      this.#awaitResponse(pending)
    }
  }

  #transmitted(pending: Pending, messageId: number, end: TransmissionEnd): void {
    if (pending.messageId !== messageId || this.#pending.get(key(pending.peer, pending.token)) !== pending) return
    pending.transmission = undefined
    if (end === 'acknowledged') this.#awaitResponse(pending)
    else if (end === 'reset') this.#fail(pending, new GatewayError('refused', 'the CoAP peer rejected the request'))
    else if (end === 'timed-out') this.#fail(pending, new GatewayError('timeout', 'the CoAP peer does not answer', { retryable: true }))
    else if (end === 'refused') this.#fail(pending, new GatewayError('quota-exceeded', 'too many messages wait for this CoAP peer'))
    else this.#fail(pending, new GatewayError('server-busy', 'the CoAP endpoint is closing'))
  }

  #awaitResponse(pending: Pending): void {
    pending.timer = this.#context.clock.setTimer(pending.trip.timeoutMs, () =>
      this.#fail(pending, new GatewayError('timeout', 'the CoAP peer took the request and sends no response', { retryable: true })),
    )
  }

  #complete(pending: Pending, message: CoapMessage): void {
    const { peer, trip, token } = pending
    const at = key(peer, token)
    // A response implies the acknowledgement that may have been lost (`RFC 7252 §5.2.2`).
    if (pending.transmission !== undefined) this.#context.transmitter.acknowledged(peer, pending.messageId)
    this.#context.clock.clearTimer(pending.timer)
    const echo = message.code === CODE.Unauthorized && !pending.echoed ? findOption(message.options, OPTION.Echo) : undefined
    if (echo !== undefined) {
      pending.echoed = true
      this.#send(pending, [...trip.options, { number: OPTION.Echo, value: echo }])
      return
    }
    this.#pending.delete(at)
    if (trip.observation?.register(token, message) === true) this.#observations.set(at, trip.observation)
    pending.resolve(message)
  }

  #fail(pending: Pending, error: GatewayError): void {
    const at = key(pending.peer, pending.token)
    if (this.#pending.get(at) !== pending) return
    this.#pending.delete(at)
    this.#context.clock.clearTimer(pending.timer)
    if (pending.transmission !== undefined) this.#context.transmitter.cancel(pending.transmission)
    pending.reject(error)
  }
}

function key(peer: Peer, token: Uint8Array): string {
  return `${peer.id} ${bytesKey(token)}`
}
