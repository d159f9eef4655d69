import {
  blockOption,
  blockSize,
  CODE,
  type CoapOption,
  codeClass,
  encodeAck,
  NO_BYTES,
  OPTION,
  restamp,
  TYPE,
  uintOption,
} from '#codecs/coap/index.ts'
import { bodyTag, type EndpointContext, encodeResponse, responseOptions } from './endpoint-context.ts'
import type { Observer } from './endpoint-observer.ts'
import type { Observers } from './endpoint-observers.ts'
import type { CoapRequest, ParsedRequest } from './endpoint-request.ts'
import type { CoapResponse, ObservationEnd } from './endpoint-types.ts'

/** A request and the way to answer it, as resources see them. */
export interface ServerExchange {
  readonly request: CoapRequest
  /** Answers, now or later; once. */
  respond(response: CoapResponse): void
  /**
   * Takes the sender as an observer, before `respond`; the observation begins if the response is a success. Undefined: it did
   * not ask for it, or there is no room; the answer then goes without Observe.
   */
  observe(onEnd: (end: ObservationEnd) => void): Observer | undefined
}

/** Answers larger than this are made again for a repeated GET instead of kept. */
const KEPT_REPLY_BYTES = 128

/** Nobody waits for the end of a separate response: a client that missed it asks again. */
const IGNORE_END = () => {}

type ExchangeState = 'waiting' | 'acknowledged' | 'answered'

/** One request from its reception to its answer (`RFC 7252 §5.2`). */
export class Exchange implements ServerExchange {
  readonly request: ParsedRequest
  readonly #context: EndpointContext
  readonly #observers: Observers
  readonly #ticket: number
  #state: ExchangeState = 'waiting'
  #observer: Observer | undefined

  constructor(context: EndpointContext, observers: Observers, request: ParsedRequest, ticket: number) {
    this.#context = context
    this.#observers = observers
    this.request = request
    this.#ticket = ticket
  }

  get answered(): boolean {
    return this.#state === 'answered'
  }

  /** Sends the empty ACK if nothing has left yet: the answer will come in a message of its own (`RFC 7252 §5.2.2`). */
  acknowledge(): void {
    if (this.#state !== 'waiting') return
    this.#state = 'acknowledged'
    if (!this.request.confirmable) return
    this.#context.counters.emptyAcks++
    this.#reply(encodeAck(this.request.messageId))
  }

  observe(onEnd: (end: ObservationEnd) => void): Observer | undefined {
    if (this.request.observe !== 0 || this.#state === 'answered') return undefined
    this.#observer = this.#observers.register(this.request, this.#szx(), onEnd)
    return this.#observer
  }

  respond(response: CoapResponse): void {
    if (this.#state === 'answered') return
    const {
      request,
      request: { peer },
    } = this
    const { counters, verification } = this.#context
    const observer = this.#admitted(response)
    const options = responseOptions(response)
    if (observer !== undefined) options.push(uintOption(OPTION.Observe, observer.nextSequence()))
    if (request.block1 !== undefined) {
      const more = response.code === CODE.Continue
      options.push(blockOption(OPTION.Block1, { ...request.block1, more }))
    }
    const code = response.code
    const payload = this.#slice(response, options)
    counters.responses++
    if (codeClass(code) !== 2) counters.refused++
    if (payload === undefined) this.#send(CODE.BadRequest, [], NO_BYTES)
    else if (this.#unwanted(code)) this.#suppress()
    else {
      const bytes = this.#encode(code, options, payload)
      if (verification.permits(peer, bytes.length)) this.#dispatch(bytes)
      else if (request.safe) this.#challenge()
      else
        this.#send(
          code,
          options.filter(option => option.number !== OPTION.Block2),
          NO_BYTES,
        )
    }
    this.#state = 'answered'
    observer?.open()
  }

  /** The observer, if the response lets the observation begin. */
  #admitted(response: CoapResponse): Observer | undefined {
    const observer = this.#observer
    if (observer === undefined || observer.ended) return undefined
    if (codeClass(response.code) === 2) return observer
    observer.end('ended')
    return undefined
  }

  #szx(): number {
    return Math.min(this.request.block2?.szx ?? this.#context.limits.szxMax, this.#context.limits.szxMax)
  }

  /** The part of the body that this message takes, with its options (`RFC 7959 §2.4`); undefined: that block does not exist. */
  #slice(response: CoapResponse, options: CoapOption[]): Uint8Array | undefined {
    const body = response.payload ?? NO_BYTES
    const { block2 } = this.request
    const szx = this.#szx()
    const size = blockSize(szx)
    const offset = block2 === undefined ? 0 : block2.num * blockSize(block2.szx)
    if (offset === 0 && body.length <= size) {
      if (block2 !== undefined && codeClass(response.code) === 2) options.push(blockOption(OPTION.Block2, { num: 0, more: false, szx }))
      return body
    }
    if (offset >= body.length) return codeClass(response.code) === 2 ? undefined : body
    const end = Math.min(offset + size, body.length)
    const more = end < body.length
    const etag = response.etag ?? bodyTag(body, response.contentFormat)
    if (response.etag === undefined) options.push({ number: OPTION.ETag, value: etag })
    options.push(blockOption(OPTION.Block2, { num: offset / size, more, szx }))
    if (offset === 0) {
      options.push(uintOption(OPTION.Size2, body.length))
      const { code, contentFormat, maxAge } = response
      this.#context.outgoing.put(this.request.transferKey(), { code, body, etag, contentFormat, maxAge })
    } else if (!more) this.#context.outgoing.delete(this.request.transferKey())
    return body.subarray(offset, end)
  }

  #unwanted(code: number): boolean {
    const { noResponse } = this.request
    return noResponse !== 0 && (noResponse & (1 << (codeClass(code) - 1))) !== 0
  }

  /** The client wants no answer; a Confirmable request still gets its ACK (`RFC 7967 §2`). */
  #suppress(): void {
    if (this.#state === 'waiting' && this.request.confirmable) this.#reply(encodeAck(this.request.messageId))
  }

  /** Asks an unverified peer to send its request again with an Echo (`RFC 9175 §2.3`). */
  #challenge(): void {
    this.#observer?.end('ended')
    this.#context.counters.challenges++
    const value = this.#context.verification.challenge(this.request.peer)
    this.#send(CODE.Unauthorized, [{ number: OPTION.Echo, value }], NO_BYTES)
  }

  #send(code: number, options: readonly CoapOption[], payload: Uint8Array): void {
    this.#dispatch(this.#encode(code, options, payload))
  }

  #encode(code: number, options: readonly CoapOption[], payload: Uint8Array): Uint8Array {
    return encodeResponse(TYPE.ACK, this.request.messageId, this.request.token, code, options, payload)
  }

  /** Sends a response that was encoded as a piggybacked one in the message that is due. */
  #dispatch(bytes: Uint8Array): void {
    const { peer, confirmable } = this.request
    if (this.#state === 'waiting' && confirmable) {
      this.#reply(bytes)
      return
    }
    const messageId = peer.messageId()
    restamp(bytes, confirmable ? TYPE.CON : TYPE.NON, messageId)
    if (!confirmable) this.#context.send(peer, bytes)
    else this.#context.transmitter.transmit(peer, messageId, bytes, IGNORE_END)
  }

  #reply(bytes: Uint8Array): void {
    const { duplicates } = this.#context
    if (this.request.safe && bytes.length > KEPT_REPLY_BYTES) duplicates.forget(this.#ticket)
    else duplicates.answer(this.#ticket, bytes)
    this.#context.send(this.request.peer, bytes)
  }
}
