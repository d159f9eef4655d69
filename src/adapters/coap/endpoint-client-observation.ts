import type { Clock } from '#base/clock.ts'
import { type CoapMessage, codeClass, decodeUint, findOption, OPTION } from '#codecs/coap/index.ts'
import type { Peer } from './endpoint-peer.ts'
import type { ReceivedResponse } from './endpoint-types.ts'

/** After this long any notification is newer than the one before (`RFC 7641 §3.4`). */
const REORDERING_MS = 128_000

interface ObservationCallbacks {
  notified(response: ReceivedResponse): void
  ended(): void
  /** Fetches the rest of a notification's body. */
  complete(first: CoapMessage): Promise<ReceivedResponse>
  /** Tells the server. */
  cancel(token: Uint8Array): Promise<void>
}

/** A resource at another server that is being observed (`RFC 7641 §3`). */
export class ClientObservation {
  readonly peer: Peer
  readonly #clock: Clock
  readonly #callbacks: ObservationCallbacks
  #token: Uint8Array | undefined
  #first: ReceivedResponse | undefined
  #sequence = 0
  #sequenceMs = 0
  #generation = 0
  #ended = false

  constructor(clock: Clock, peer: Peer, callbacks: ObservationCallbacks) {
    this.#clock = clock
    this.peer = peer
    this.#callbacks = callbacks
  }

  /** The response to the registration. */
  get response(): ReceivedResponse {
    if (this.#first === undefined) throw new Error('the observation has not begun')
    return this.#first
  }

  /** False: the server does not notify (any more). */
  get active(): boolean {
    return this.#token !== undefined && !this.#ended
  }

  /** Tells the server that no notifications are wanted any more. What comes nevertheless is answered with RST. */
  async cancel(): Promise<void> {
    const token = this.#token
    if (token === undefined || this.#ended) return
    this.abandon()
    await this.#callbacks.cancel(token)
  }

  /** The endpoint's: the first response has come. True: the server has registered us. */
  register(token: Uint8Array, message: CoapMessage): boolean {
    const observe = findOption(message.options, OPTION.Observe)
    if (observe === undefined || codeClass(message.code) !== 2) return false
    this.#token = token
    this.#sequence = decodeUint(observe)
    this.#sequenceMs = this.#clock.monotonic()
    return true
  }

  /** The endpoint's: the first response's body is complete. */
  begin(response: ReceivedResponse): void {
    this.#first = response
    if (this.#token === undefined) this.abandon()
  }

  /** The endpoint's: a notification. False: it was the last. */
  take(message: CoapMessage): boolean {
    if (this.#ended) return false
    const observe = findOption(message.options, OPTION.Observe)
    const last = observe === undefined || codeClass(message.code) !== 2
    if (!last && !this.#isNewer(decodeUint(observe))) return true
    const generation = ++this.#generation
    this.#callbacks.complete(message).then(
      response => {
        // Overtaken while its blocks were fetched: the newer one counts.
        if (generation === this.#generation && (!this.#ended || last)) this.#callbacks.notified(response)
        if (last) this.abandon()
      },
      () => {
        if (last) this.abandon()
      },
    )
    return !last
  }

  /** The endpoint's: ends it without a word to the server. */
  abandon(): void {
    if (this.#ended) return
    this.#ended = true
    this.#callbacks.ended()
  }

  /** `RFC 7641 §3.4`, in a ring of 2^24 numbers. */
  #isNewer(sequence: number): boolean {
    const nowMs = this.#clock.monotonic()
    const ahead = (sequence - this.#sequence) & 0xffffff
    const newer = (ahead > 0 && ahead < 0x800000) || nowMs > this.#sequenceMs + REORDERING_MS
    if (newer) {
      this.#sequence = sequence
      this.#sequenceMs = nowMs
    }
    return newer
  }
}
