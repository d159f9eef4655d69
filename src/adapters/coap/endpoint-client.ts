import { GatewayError } from '#base/errors.ts'
import {
  type Block,
  blockOption,
  blockSize,
  CODE,
  type CoapMessage,
  type CoapOption,
  codeClass,
  decodeBlock,
  decodeUint,
  encodeUint,
  findOption,
  findUint,
  METHOD,
  NO_BYTES,
  OPTION,
  pathOptions,
  queryOptions,
  uintOption,
} from '#codecs/coap/index.ts'
import { ClientObservation } from './endpoint-client-observation.ts'
import type { EndpointContext } from './endpoint-context.ts'
import type { Peer } from './endpoint-peer.ts'
import { RoundTrips, TOKEN_BYTES } from './endpoint-round-trip.ts'
import type { ReceivedResponse } from './endpoint-types.ts'

export type { ClientObservation } from './endpoint-client-observation.ts'

/** A request to a CoAP server. */
export interface OutgoingRequest {
  /** The method, see `METHOD`. */
  code: number
  /** Plain text segments and parts, not percent-encoded. */
  path?: readonly string[]
  query?: readonly string[]
  payload?: Uint8Array
  contentFormat?: number
  accept?: number
  options?: readonly CoapOption[]
  /** Default true. */
  confirmable?: boolean
  /** How long to wait for each response once the request was acknowledged, or has left Non-confirmable. Default 60 s. */
  timeoutMs?: number
  /** The block exponent to begin with; default the endpoint's. */
  szx?: number
}

const RESPONSE_TIMEOUT_MS = 60_000

/** The client's half: requests out, with block-wise bodies both ways, Echo, and observations. */
export class Client {
  readonly #context: EndpointContext
  readonly #trips: RoundTrips

  constructor(context: EndpointContext) {
    this.#context = context
    this.#trips = new RoundTrips(context)
  }

  /** Requests without a response, and observations. */
  get pending(): number {
    return this.#trips.pending
  }

  async request(peer: Peer | undefined, request: OutgoingRequest): Promise<ReceivedResponse> {
    if (peer === undefined) throw new GatewayError('server-busy', 'no room for another CoAP peer', { retryable: true })
    peer.holds++
    try {
      return await this.#fetch(peer, request, await this.#upload(peer, request))
    } finally {
      peer.holds--
    }
  }

  async observe(
    peer: Peer | undefined,
    request: OutgoingRequest,
    notified: (response: ReceivedResponse) => void,
    ended: () => void,
  ): Promise<ClientObservation> {
    if (peer === undefined) throw new GatewayError('server-busy', 'no room for another CoAP peer', { retryable: true })
    peer.holds++
    const observation = new ClientObservation(this.#context.clock, peer, {
      notified,
      ended: () => {
        peer.holds--
        ended()
      },
      complete: first => this.#fetch(peer, request, first),
      cancel: token => this.#unregister(peer, request, token),
    })
    try {
      const options = [...plainOptions(request), uintOption(OPTION.Observe, 0)]
      const first = await this.#trip(peer, request, options, request.payload ?? NO_BYTES, { observation })
      const response = await this.#fetch(peer, request, first)
      observation.begin(response)
      return observation
    } catch (error) {
      observation.abandon()
      throw error
    }
  }

  /** Takes a message with a response code. False: nobody waits for it. */
  response(peer: Peer, message: CoapMessage): boolean {
    return this.#trips.response(peer, message)
  }

  close(): void {
    this.#trips.close()
  }

  #trip(
    peer: Peer,
    request: OutgoingRequest,
    options: readonly CoapOption[],
    payload: Uint8Array,
    more: { observation?: ClientObservation; token?: Uint8Array } = {},
  ): Promise<CoapMessage> {
    const { code, confirmable = true, timeoutMs = RESPONSE_TIMEOUT_MS } = request
    return this.#trips.start(peer, { code, options, payload, confirmable, timeoutMs, ...more })
  }

  /** Sends the request, its body in blocks if it is long (`RFC 7959 §2.5`); resolves with the response to the last one. */
  async #upload(peer: Peer, request: OutgoingRequest): Promise<CoapMessage> {
    const body = request.payload ?? NO_BYTES
    const base = plainOptions(request)
    let szx = Math.min(request.szx ?? this.#context.limits.szxMax, this.#context.limits.szxMax)
    if (body.length <= blockSize(szx)) {
      const response = await this.#trip(peer, request, base, body)
      const hint = response.code === CODE.RequestEntityTooLarge ? blockOf(response, OPTION.Block1) : undefined
      if (hint === undefined || body.length <= blockSize(hint.szx)) return response
      szx = hint.szx
    }
    // One token for all blocks: some servers tell uploads apart by it, others by the Request-Tag.
    const token = this.#context.clock.randomBytes(TOKEN_BYTES)
    const tag = { number: OPTION.RequestTag, value: this.#context.clock.randomBytes(4) }
    for (let offset = 0; ; ) {
      const size = blockSize(szx)
      const more = offset + size < body.length
      const options = [...base, tag, blockOption(OPTION.Block1, { num: offset / size, more, szx })]
      if (offset === 0) options.push(uintOption(OPTION.Size1, body.length))
      const response = await this.#trip(peer, request, options, body.subarray(offset, offset + size), { token })
      const answer = blockOf(response, OPTION.Block1)
      if (offset === 0 && response.code === CODE.RequestEntityTooLarge && answer !== undefined && answer.szx < szx) {
        szx = answer.szx
        continue
      }
      if (!more || codeClass(response.code) !== 2) return response
      offset += size
      // The server may ask for smaller blocks; those sent already count as so many smaller ones.
      if (answer !== undefined && answer.szx < szx) szx = answer.szx
    }
  }

  /** Fetches what is left of a response's body (`RFC 7959 §2.4`). */
  async #fetch(peer: Peer, request: OutgoingRequest, first: CoapMessage): Promise<ReceivedResponse> {
    let block = blockOf(first, OPTION.Block2)
    if (block === undefined || !block.more || block.num !== 0) return received(first, first.payload)
    const etag = etagOf(first)
    const chunks = [first.payload]
    let length = first.payload.length
    const method = request.code
    while (block.more) {
      const options = [
        ...plainOptions(request),
        blockOption(OPTION.Block2, { num: length / blockSize(block.szx), more: false, szx: block.szx }),
      ]
      const bodyless: OutgoingRequest = { ...request, code: method }
      const next = await this.#trip(peer, bodyless, options, method === METHOD.FETCH ? (request.payload ?? NO_BYTES) : NO_BYTES)
      if (codeClass(next.code) !== 2) return received(next, next.payload)
      const answer: Block | undefined = blockOf(next, OPTION.Block2)
      const fits = answer !== undefined && answer.num * blockSize(answer.szx) === length && etagOf(next) === etag
      const whole = answer !== undefined && (!answer.more || next.payload.length === blockSize(answer.szx))
      if (!fits || !whole)
        throw new GatewayError('decode-malformed', 'the blocks of a CoAP response do not fit together', { retryable: true })
      chunks.push(next.payload)
      length += next.payload.length
      if (length > this.#context.limits.bodyBytesMax) throw new GatewayError('quota-exceeded', 'a CoAP response exceeds the limit')
      block = answer
    }
    return received(first, Buffer.concat(chunks, length))
  }

  async #unregister(peer: Peer, request: OutgoingRequest, token: Uint8Array): Promise<void> {
    const { code, confirmable = true, timeoutMs = RESPONSE_TIMEOUT_MS } = request
    const options = [...plainOptions(request), uintOption(OPTION.Observe, 1)]
    await this.#trips.start(peer, { code, options, payload: request.payload ?? NO_BYTES, confirmable, timeoutMs, token })
  }
}

function plainOptions(request: OutgoingRequest): CoapOption[] {
  const options = [...pathOptions(request.path ?? []), ...queryOptions(request.query ?? [])]
  if (request.contentFormat !== undefined) options.push({ number: OPTION.ContentFormat, value: encodeUint(request.contentFormat) })
  if (request.accept !== undefined) options.push({ number: OPTION.Accept, value: encodeUint(request.accept) })
  if (request.options !== undefined) options.push(...request.options)
  return options
}

function blockOf(message: CoapMessage, number: number): Block | undefined {
  const value = findOption(message.options, number)
  return value === undefined ? undefined : decodeBlock(value)
}

function etagOf(message: CoapMessage): string {
  return Buffer.from(findOption(message.options, OPTION.ETag) ?? NO_BYTES).toString('hex')
}

function received(message: CoapMessage, payload: Uint8Array): ReceivedResponse {
  const { code, options } = message
  const observe = findOption(options, OPTION.Observe)
  const contentFormat = findUint(options, OPTION.ContentFormat)
  return { code, payload, options, contentFormat, observe: observe === undefined ? undefined : decodeUint(observe) }
}
