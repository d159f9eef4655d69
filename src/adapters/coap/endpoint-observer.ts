import type { Timer } from '#base/clock.ts'
import { blockOption, blockSize, codeClass, OPTION, TYPE, uintOption } from '#codecs/coap/index.ts'
import { bodyTag, bytesKey, type EndpointContext, encodeResponse, responseOptions } from './endpoint-context.ts'
import type { Peer } from './endpoint-peer.ts'
import type { Transmission, TransmissionEnd } from './endpoint-transmission.ts'
import type { CoapResponse, Notification, ObservationEnd } from './endpoint-types.ts'

/** How many Non-confirmable notifications a RST is still understood for. */
const REMEMBERED_IDS = 8

/**
 * One client that observes one resource (`RFC 7641 §4`). Notifications leave in order: a Confirmable one is waited
 * for, and one whose body takes several blocks is waited for until it was fetched. What waits is bounded.
 */
export class Observer {
  readonly peer: Peer
  readonly token: Uint8Array
  readonly key: string
  readonly #context: EndpointContext
  readonly #transferKey: string
  readonly #szx: number
  readonly #onEnd: (end: ObservationEnd) => void
  readonly #messageIds: number[] = []
  #queue: Notification[] = []
  #waitingNon = 0
  #current: { notification: Notification; transmission: Transmission } | undefined
  #opened = false
  #ended = false
  #fetching = false
  #fetchTimer: Timer | undefined
  #sequence: number
  #sinceConfirmed = 0
  #confirmedMs: number

  constructor(
    context: EndpointContext,
    peer: Peer,
    token: Uint8Array,
    transferKey: string,
    szx: number,
    onEnd: (end: ObservationEnd) => void,
  ) {
    this.#context = context
    this.peer = peer
    this.token = token
    this.key = bytesKey(token)
    this.#transferKey = transferKey
    this.#szx = szx
    this.#onEnd = onEnd
    // From the clock, so that numbers also rise over a restart (`RFC 7641 §4.4`).
    this.#sequence = Math.floor(context.clock.now() / 16) & 0xffffff
    this.#confirmedMs = context.clock.monotonic()
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Notifications that wait or are on their way. */
  get queued(): number {
    return this.#queue.length + (this.#current === undefined ? 0 : 1)
  }

  /** The value of the next Observe option. */
  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) & 0xffffff
    return this.#sequence
  }

  /** The response to the registration has left: notifications may follow. */
  open(): void {
    this.#opened = true
    this.#pump()
  }

  /** Sends a notification as soon as it is its turn. */
  notify(notification: Notification): void {
    if (this.#ended) {
      notification.settled?.(false)
      return
    }
    if (!notification.confirmable && this.#waitingNon >= this.#context.limits.notificationsMax) this.#dropOldestNon()
    this.#queue.push(notification)
    if (!notification.confirmable) this.#waitingNon++
    this.#pump()
  }

  /** Ends the observation; with `final`, a response of class 4 or 5, the client is told (`RFC 7641 §4.2`). */
  end(reason: ObservationEnd, final?: CoapResponse): void {
    if (this.#ended) return
    this.#ended = true
    this.#context.clock.clearTimer(this.#fetchTimer)
    const current = this.#current
    this.#current = undefined
    if (current !== undefined) {
      this.#context.transmitter.cancel(current.transmission)
      current.notification.settled?.(false)
    }
    for (const waiting of this.#queue.splice(0)) waiting.settled?.(false)
    if (reason === 'timed-out' || reason === 'reset') this.#context.counters.observersLost++
    if (final !== undefined && this.#opened) this.#sendFinal(final)
    this.#onEnd(reason)
  }

  /** Whether one of the last Non-confirmable notifications had this message id. */
  sent(messageId: number): boolean {
    return this.#messageIds.includes(messageId)
  }

  /** Asks for a sign of life after long silence. */
  checkAlive(): void {
    const { clock, limits, transmitter } = this.#context
    if (clock.monotonic() - this.#confirmedMs < limits.observerSilenceMs || this.#current !== undefined) return
    this.#confirmedMs = clock.monotonic()
    const messageId = this.peer.messageId()
    const ping = encodeResponse(TYPE.CON, messageId, EMPTY, 0, [], EMPTY)
    transmitter.transmit(this.peer, messageId, ping, end => {
      if (end === 'timed-out') this.end('timed-out')
    })
  }

  #dropOldestNon(): void {
    const at = this.#queue.findIndex(waiting => !waiting.confirmable)
    const [dropped] = this.#queue.splice(at, 1)
    this.#waitingNon--
    this.#context.counters.notificationsDropped++
    dropped?.settled?.(false)
  }

  #pump(): void {
    while (this.#opened && !this.#ended && this.#current === undefined && !this.#fetching) {
      const notification = this.#queue.shift()
      if (notification === undefined) return
      if (!notification.confirmable) this.#waitingNon--
      this.#transmit(notification)
    }
  }

  #transmit(notification: Notification): void {
    const { counters, limits, verification, transmitter } = this.#context
    const confirmable = notification.confirmable || !this.peer.verified || ++this.#sinceConfirmed >= limits.confirmEvery
    const messageId = this.peer.messageId()
    const bytes = this.#encode(notification, confirmable, messageId)
    if (!verification.permits(this.peer, bytes.length)) {
      // Nobody has shown that this address wants it.
      notification.settled?.(false)
      this.end('timed-out')
      return
    }
    counters.notifications++
    if (codeClass(notification.code) !== 2) this.#opened = false
    if (confirmable) {
      this.#sinceConfirmed = 0
      const transmission = transmitter.transmit(this.peer, messageId, bytes, end => this.#transmitted(notification, end))
      this.#current = { notification, transmission }
      return
    }
    this.#messageIds.push(messageId)
    if (this.#messageIds.length > REMEMBERED_IDS) this.#messageIds.shift()
    this.#context.send(this.peer, bytes)
    notification.settled?.(true)
  }

  #transmitted(notification: Notification, end: TransmissionEnd): void {
    if (this.#current?.notification !== notification) return
    this.#current = undefined
    if (end === 'acknowledged') {
      this.#confirmedMs = this.#context.clock.monotonic()
      notification.settled?.(true)
      this.#pump()
      return
    }
    notification.settled?.(false)
    this.end(end === 'reset' ? 'reset' : 'timed-out')
  }

  /** The message, of which only the first block if the body is longer: the client fetches the rest (`RFC 7959 §2.6`). */
  #encode(notification: Notification, confirmable: boolean, messageId: number): Uint8Array {
    const body = notification.payload ?? EMPTY
    const size = blockSize(this.#szx)
    const options = responseOptions(notification)
    if (codeClass(notification.code) === 2) options.push(uintOption(OPTION.Observe, this.nextSequence()))
    if (body.length > size) {
      const etag = notification.etag ?? bodyTag(body, notification.contentFormat)
      if (notification.etag === undefined) options.push({ number: OPTION.ETag, value: etag })
      options.push(blockOption(OPTION.Block2, { num: 0, more: true, szx: this.#szx }), uintOption(OPTION.Size2, body.length))
      this.#fetching = true
      const { code, contentFormat, maxAge } = notification
      this.#context.outgoing.put(this.#transferKey, { code, body, etag, contentFormat, maxAge, over: () => this.#fetched() })
      this.#awaitFetch()
    }
    const payload = body.length > size ? body.subarray(0, size) : body
    return encodeResponse(confirmable ? TYPE.CON : TYPE.NON, messageId, this.token, notification.code, options, payload)
  }

  /** A client that does not fetch the rest must not hold up what follows. */
  #awaitFetch(): void {
    const { clock, limits, outgoing } = this.#context
    clock.clearTimer(this.#fetchTimer)
    this.#fetchTimer = clock.setTimer(limits.fetchIdleMs, () => {
      if (!this.#fetching) return
      if (outgoing.idleMs(this.#transferKey) < limits.fetchIdleMs) this.#awaitFetch()
      else outgoing.delete(this.#transferKey)
    })
  }

  #fetched(): void {
    this.#fetching = false
    this.#context.clock.clearTimer(this.#fetchTimer)
    // Not within the answer to the last block.
    this.#context.clock.defer(() => this.#pump())
  }

  #sendFinal(final: CoapResponse): void {
    const messageId = this.peer.messageId()
    const bytes = encodeResponse(TYPE.NON, messageId, this.token, final.code, responseOptions(final), final.payload ?? EMPTY)
    if (this.#context.verification.permits(this.peer, bytes.length)) this.#context.send(this.peer, bytes)
  }
}

const EMPTY = new Uint8Array(0)
