import {
  type Block,
  CODE,
  type CoapMessage,
  type CoapOption,
  decodeBlock,
  decodeString,
  decodeUint,
  isCritical,
  METHOD,
  OPTION,
  optionDefinition,
  optionName,
} from '#codecs/coap/index.ts'
import type { Peer } from './endpoint-peer.ts'

/** A request as resources see it, its body complete. */
export interface CoapRequest {
  readonly peer: Peer
  /** It came in a Confirmable message. */
  readonly confirmable: boolean
  /** The method, see `METHOD`. */
  readonly code: number
  /** Uri-Path and Uri-Query as they stand in the options. */
  readonly path: readonly string[]
  readonly query: readonly string[]
  readonly contentFormat: number | undefined
  readonly accept: number | undefined
  /** 0: register, 1: cancel. Only with GET and FETCH. */
  readonly observe: 0 | 1 | undefined
  /** The ETags that the client has, any of which may be answered with 2.03. */
  readonly etags: readonly Uint8Array[]
  /** If-Match values; an empty one means: if it exists. */
  readonly ifMatch: readonly Uint8Array[]
  readonly ifNoneMatch: boolean
  readonly payload: Uint8Array
  /** All options, of which the endpoint has handled Block1, Block2, Echo, No-Response, Observe and the critical ones. */
  readonly options: readonly CoapOption[]
}

/** A request with what the endpoint itself needs of it. */
export class ParsedRequest implements CoapRequest {
  readonly peer: Peer
  readonly confirmable: boolean
  readonly code: number
  readonly token: Uint8Array
  readonly messageId: number
  readonly options: readonly CoapOption[]
  payload: Uint8Array
  path: string[] = []
  query: string[] = NONE
  etags: Uint8Array[] = NO_TAGS
  ifMatch: Uint8Array[] = NO_TAGS
  ifNoneMatch = false
  contentFormat: number | undefined = undefined
  accept: number | undefined = undefined
  observe: 0 | 1 | undefined = undefined
  block1: Block | undefined = undefined
  block2: Block | undefined = undefined
  size1: number | undefined = undefined
  echo: Uint8Array | undefined = undefined
  requestTag = ''
  /** Bits of response classes that the client does not want (`RFC 7967 §2.1`). */
  noResponse = 0

  constructor(peer: Peer, message: CoapMessage) {
    this.peer = peer
    this.confirmable = message.type === 0
    this.code = message.code
    this.token = message.token
    this.messageId = message.messageId
    this.options = message.options
    this.payload = message.payload
  }

  /** GET and FETCH change nothing: they may be answered twice. */
  get safe(): boolean {
    return this.code === METHOD.GET || this.code === METHOD.FETCH
  }

  /** What names one block-wise transfer: peer, method, path, query and Request-Tag (`RFC 9175 §3.3`). */
  transferKey(): string {
    return `${this.peer.id} ${this.code} ${this.path.join('\u0000')} ${this.query.join('\u0000')} ${this.requestTag}`
  }
}

const NONE: string[] = []
const NO_TAGS: Uint8Array[] = []

/** What is wrong with a request's options. */
export interface RequestFault {
  /** 4.00, 4.02 or 5.05. */
  code: number
  diagnostic: string
}

/**
 * Reads the options of a request. An option of unknown number, of wrong length, or repeated without leave is one that is not
 * recognised: critical ones make the request fail with 4.02, others are passed over (`RFC 7252 §5.4.1, §5.4.3, §5.4.5`).
 */
export function parseRequest(peer: Peer, message: CoapMessage): ParsedRequest | RequestFault {
  const request = new ParsedRequest(peer, message)
  let last = 0
  for (const option of message.options) {
    const { number, value } = option
    const definition = optionDefinition(number)
    const recognised =
      definition !== undefined &&
      value.length >= definition.lengthMin &&
      value.length <= definition.lengthMax &&
      (number !== last || definition.repeatable)
    last = number
    if (!recognised) {
      if (isCritical(number)) return { code: CODE.BadOption, diagnostic: `option ${optionName(number)}` }
      continue
    }
    const fault = take(request, number, value)
    if (fault !== undefined) return fault
  }
  if (request.code !== METHOD.GET && request.code !== METHOD.FETCH) request.observe = undefined
  return request
}

function take(request: ParsedRequest, number: number, value: Uint8Array): RequestFault | undefined {
  switch (number) {
    case OPTION.UriPath:
      return takeText(request.path, number, value)
    case OPTION.UriQuery:
      if (request.query === NONE) request.query = []
      return takeText(request.query, number, value)
    case OPTION.ContentFormat:
      request.contentFormat = decodeUint(value)
      return undefined
    case OPTION.Accept:
      request.accept = decodeUint(value)
      return undefined
    case OPTION.Observe: {
      const observe = decodeUint(value)
      if (observe === 0 || observe === 1) request.observe = observe
      return undefined
    }
    case OPTION.ProxyUri:
    case OPTION.ProxyScheme:
      return { code: CODE.ProxyingNotSupported, diagnostic: 'not a proxy' }
    default:
      return takeRare(request, number, value)
  }
}

function takeText(into: string[], number: number, value: Uint8Array): RequestFault | undefined {
  const text = decodeString(value)
  if (text === undefined) return { code: CODE.BadRequest, diagnostic: `${optionName(number)} is not UTF-8` }
  into.push(text)
  return undefined
}

function takeRare(request: ParsedRequest, number: number, value: Uint8Array): RequestFault | undefined {
  switch (number) {
    case OPTION.Block1:
    case OPTION.Block2: {
      const block = decodeBlock(value)
      if (block === undefined) return { code: CODE.BadRequest, diagnostic: `${optionName(number)} with size exponent 7` }
      if (number === OPTION.Block1) request.block1 = block
      else request.block2 = block
      break
    }
    case OPTION.Size1:
      request.size1 = decodeUint(value)
      break
    case OPTION.ETag:
      request.etags = [...request.etags, value]
      break
    case OPTION.IfMatch:
      request.ifMatch = [...request.ifMatch, value]
      break
    case OPTION.IfNoneMatch:
      request.ifNoneMatch = true
      break
    case OPTION.Echo:
      request.echo = value
      break
    case OPTION.NoResponse:
      request.noResponse = decodeUint(value)
      break
    case OPTION.RequestTag:
      request.requestTag += `${Buffer.from(value).toString('hex')};`
      break
  }
  return undefined
}
