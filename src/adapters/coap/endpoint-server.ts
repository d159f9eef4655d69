import { blockOption, blockSize, CODE, type CoapMessage, OPTION, uintOption } from '#codecs/coap/index.ts'
import { type BlockOutcome, IncomingBodies } from './endpoint-bodies.ts'
import type { EndpointContext } from './endpoint-context.ts'
import { Exchange } from './endpoint-exchange.ts'
import { Observers } from './endpoint-observers.ts'
import type { Peer } from './endpoint-peer.ts'
import { type ParsedRequest, parseRequest } from './endpoint-request.ts'
import { type Resource, type ResourceHandler, ResourceTable } from './endpoint-resources.ts'

/** After this many seconds a client may try again when a table was full. */
const BUSY_SECONDS = 10

/** The server's half: requests to resources and back. */
export class Server {
  readonly resources = new ResourceTable()
  readonly observers: Observers
  readonly #context: EndpointContext
  readonly #incoming: IncomingBodies
  /** Exchanges without an answer in the order in which their empty ACK is due. */
  #pending: { exchange: Exchange; dueMs: number }[] = []
  #armed = false

  constructor(context: EndpointContext) {
    this.#context = context
    this.observers = new Observers(context)
    this.#incoming = new IncomingBodies(context.clock, context.limits)
  }

  /** Requests that wait for their answer. */
  get pending(): number {
    return this.#pending.length
  }

  /** Takes a request that is no duplicate. */
  accept(peer: Peer, message: CoapMessage, ticket: number): void {
    const { counters } = this.#context
    counters.requests++
    const request = parseRequest(peer, message)
    if ('diagnostic' in request) {
      this.#refuse(peer, message, ticket, request.code, request.diagnostic)
      return
    }
    if (request.echo !== undefined) this.#context.verification.echoed(peer, request.echo)
    if (request.observe === 1) this.observers.find(peer, request.token)?.end('cancelled')
    const exchange = new Exchange(this.#context, this.observers, request, ticket)
    const resource = this.resources.find(request.path)
    const handler = resource?.handlers[request.code]
    if (resource === undefined) exchange.respond({ code: CODE.NotFound })
    else if (this.#overloaded()) exchange.respond({ code: CODE.ServiceUnavailable, maxAge: BUSY_SECONDS })
    else if (handler === undefined) exchange.respond({ code: CODE.MethodNotAllowed })
    else if (!accepts(resource, request)) exchange.respond({ code: CODE.UnsupportedContentFormat })
    else if (!this.#continued(exchange, request) && this.#assembled(exchange, request)) this.#handle(exchange, handler)
  }

  sweep(): void {
    this.#incoming.sweep()
    this.observers.sweep()
  }

  #overloaded(): boolean {
    if (this.#pending.length < this.#context.limits.pendingMax) return false
    this.#trim()
    return this.#pending.length >= this.#context.limits.pendingMax
  }

  #handle(exchange: Exchange, handler: ResourceHandler): void {
    try {
      handler(exchange)
    } catch (error) {
      this.#context.counters.handlerErrors++
      this.#context.logger.error('a CoAP resource failed', { path: exchange.request.path.join('/'), error })
      exchange.respond({ code: CODE.InternalServerError })
    }
    if (!exchange.answered) this.#await(exchange)
  }

  /** The answer takes its time: the empty ACK is due. All wait equally long, so that one timer and a queue do. */
  #await(exchange: Exchange): void {
    const { clock, limits } = this.#context
    if (this.#pending.length > 0 && this.#pending[0].exchange.answered) this.#trim()
    this.#pending.push({ exchange, dueMs: clock.monotonic() + limits.ackDelayMs })
    this.#arm()
  }

  #arm(): void {
    if (this.#armed || this.#pending.length === 0) return
    this.#armed = true
    const { clock } = this.#context
    clock.setTimer(Math.max(0, this.#pending[0].dueMs - clock.monotonic()), () => {
      this.#armed = false
      const nowMs = clock.monotonic()
      let due = 0
      // A timer may fire a little early.
      while (due < this.#pending.length && this.#pending[due].dueMs <= nowMs + 1) this.#pending[due++].exchange.acknowledge()
      this.#pending.splice(0, due)
      this.#trim()
      this.#arm()
    })
  }

  /** Answers come nearly in order: what is answered at the front goes, and frees its request. */
  #trim(): void {
    let answered = 0
    while (answered < this.#pending.length && this.#pending[answered].exchange.answered) answered++
    if (answered > 0) this.#pending.splice(0, answered)
  }

  /** A further block of a body that is being fetched (`RFC 7959 §2.4`): true if it was answered from there. */
  #continued(exchange: Exchange, request: ParsedRequest): boolean {
    const { block2 } = request
    if (block2 === undefined || block2.num === 0 || request.observe === 0) return false
    const kept = this.#context.outgoing.get(request.transferKey())
    if (kept !== undefined) {
      const { code, body, etag, contentFormat, maxAge } = kept
      exchange.respond({ code, payload: body, etag, contentFormat, maxAge })
      return true
    }
    if (request.safe) return false
    exchange.respond({ code: CODE.RequestEntityIncomplete })
    return true
  }

  /** Whether the request's body is complete; if not, its block was answered. */
  #assembled(exchange: Exchange, request: ParsedRequest): boolean {
    const { block1 } = request
    const { bodyBytesMax, szxMax } = this.#context.limits
    if (block1 === undefined) {
      if (request.payload.length <= bodyBytesMax) return true
      exchange.respond({ code: CODE.RequestEntityTooLarge, options: [uintOption(OPTION.Size1, bodyBytesMax)] })
      return false
    }
    if (block1.szx > szxMax) {
      this.#shrink(exchange, request)
      return false
    }
    const outcome: BlockOutcome = this.#incoming.accept(request.transferKey(), block1, request.payload, request.size1)
    if ('body' in outcome) {
      request.payload = outcome.body
      return true
    }
    const options = outcome.sizeMax === undefined ? [] : [uintOption(OPTION.Size1, outcome.sizeMax)]
    exchange.respond({ code: outcome.code, options, maxAge: outcome.code === CODE.ServiceUnavailable ? BUSY_SECONDS : undefined })
    return false
  }

  /** Blocks larger than wanted: at the start the client is told the size to use (`RFC 7959 §2.9.3`). */
  #shrink(exchange: Exchange, request: ParsedRequest): void {
    const { szxMax } = this.#context.limits
    request.block1 = undefined
    const wanted = blockOption(OPTION.Block1, { num: 0, more: false, szx: szxMax })
    exchange.respond({ code: CODE.RequestEntityTooLarge, options: [wanted, uintOption(OPTION.Size1, blockSize(szxMax))] })
  }

  /** A request that cannot be read as one: Confirmable ones are told why, others ignored (`RFC 7252 §5.4.1`). */
  #refuse(peer: Peer, message: CoapMessage, ticket: number, code: number, diagnostic: string): void {
    this.#context.counters.badOptions++
    if (message.type !== 0) return
    const request = parseRequest(peer, { ...message, options: [] }) as ParsedRequest
    new Exchange(this.#context, this.observers, request, ticket).respond({ code, payload: Buffer.from(diagnostic) })
  }
}

function accepts(resource: Resource, request: ParsedRequest): boolean {
  return resource.formats === undefined || request.contentFormat === undefined || resource.formats.includes(request.contentFormat)
}
