import type { Clock } from '#base/clock.ts'
import type { GatewayError } from '#base/errors.ts'
import { type Access, type Broker, CommitQueue, Message, type MessageProperties, type Qos } from '#broker/ports.ts'
import { CODE, METHOD, mediaType } from '#codecs/coap/index.ts'
import { type CoapClient, messageResponse } from './client.ts'
import type { Clients } from './clients.ts'
import { bodyTag } from './endpoint-context.ts'
import type { ServerExchange } from './endpoint-exchange.ts'
import type { Observer } from './endpoint-observer.ts'
import type { Resource } from './endpoint-resources.ts'
import type { CoapResponse } from './endpoint-types.ts'
import { type PubSubRequest, readPubSubRequest } from './pub-sub-request.ts'

export interface PubSubOptions {
  broker: Broker
  access: Pick<Access, 'maySubscribe' | 'mayReceive'>
  clock: Clock
  clients: Clients
  mountpoint: string
}

/** When the store is full, or too much waits for the disk, devices try again after this many seconds. */
const BUSY_SECONDS = 10
const STORE_FULL_SECONDS = 60

type Action = (exchange: ServerExchange, request: PubSubRequest, client: CoapClient) => void

/**
 * `/ps/{topic}`: PUT and POST publish, GET reads the retained value, GET with Observe subscribes, DELETE clears. What
 * was published is answered once it is durable.
 */
export class PubSub {
  readonly resource: Resource
  readonly #options: PubSubOptions
  readonly #commits: CommitQueue

  constructor(options: PubSubOptions) {
    this.#options = options
    this.#commits = new CommitQueue(options.broker)
    const publish = this.#entered((exchange, request, client) => this.#publish(exchange, request, client))
    const get = this.#entered((exchange, request, client) => this.#get(exchange, request, client))
    const clear = this.#entered((exchange, request, client) => this.#clear(exchange, request, client))
    this.resource = {
      path: ['ps'],
      subtree: true,
      handlers: { [METHOD.GET]: get, [METHOD.PUT]: publish, [METHOD.POST]: publish, [METHOD.DELETE]: clear },
      attributes: { rt: 'core.ps', obs: true },
    }
  }

  /** Reads the request and lets its sender in before it acts. */
  #entered(action: Action): (exchange: ServerExchange) => void {
    return exchange => {
      const request = readPubSubRequest(exchange.request)
      if (typeof request === 'string') {
        exchange.respond(refusal(CODE.BadRequest, request))
        return
      }
      request.topic = this.#options.mountpoint + request.topic
      this.#options.clients.enter(exchange.request.peer, request, client => {
        if (client instanceof Error) exchange.respond(entryRefusal(client, request))
        else action(exchange, request, client)
      })
    }
  }

  #publish(exchange: ServerExchange, request: PubSubRequest, client: CoapClient): void {
    const { contentFormat, payload } = exchange.request
    const type = contentFormat === undefined ? undefined : mediaType(contentFormat)
    const properties: MessageProperties | undefined = type === undefined ? undefined : { contentType: type }
    this.#send(exchange, request, client, payload, request.retain, properties, CODE.Changed)
  }

  /** An empty retained message deletes the retained one (`MQTT 5 §3.3.1.3`). */
  #clear(exchange: ServerExchange, request: PubSubRequest, client: CoapClient): void {
    this.#send(exchange, request, client, new Uint8Array(0), true, undefined, CODE.Deleted)
  }

  #send(
    exchange: ServerExchange,
    request: PubSubRequest,
    client: CoapClient,
    payload: Uint8Array,
    retain: boolean,
    properties: MessageProperties | undefined,
    success: number,
  ): void {
    const { broker } = this.#options
    const route = broker.route(request.topic)
    if (route === undefined) exchange.respond(refusal(CODE.BadRequest, 'not a topic name'))
    else if (broker.congested) exchange.respond({ code: CODE.ServiceUnavailable, maxAge: BUSY_SECONDS })
    else if (client.rate?.spent) exchange.respond({ code: CODE.TooManyRequests, maxAge: Math.ceil(client.rate.waitMs / 1000) })
    else if (!this.#preconditionsHold(exchange, request.topic, client)) exchange.respond({ code: CODE.PreconditionFailed })
    else {
      const message = new Message(request.topic, payload, 0, payload.length, request.qos, retain, properties)
      if (request.expirySeconds > 0) message.expiresAtMs = broker.runningMs() + request.expirySeconds * 1000
      client.rate?.took(payload.length)
      const position = client.publish(route, message)
      if (position < 0) exchange.respond(brokerRefusal(-position, client))
      else this.#commits.after(position, () => exchange.respond({ code: success }))
    }
  }

  /** If-Match and If-None-Match ask about the retained value (`RFC 7252 §5.10.8`). */
  #preconditionsHold(exchange: ServerExchange, topic: string, client: CoapClient): boolean {
    const { ifMatch, ifNoneMatch } = exchange.request
    if (ifMatch.length === 0 && !ifNoneMatch) return true
    // Whoever may not read it learns nothing about it.
    if (!this.#options.access.maySubscribe(client.identity, topic)) return false
    const retained = this.#options.broker.retained(topic)
    if (ifNoneMatch && retained !== undefined) return false
    if (ifMatch.length === 0) return true
    if (retained === undefined) return false
    const tag = retainedTag(retained)
    return ifMatch.some(value => value.length === 0 || Buffer.compare(value, tag) === 0)
  }

  #get(exchange: ServerExchange, request: PubSubRequest, client: CoapClient): void {
    const { observe } = exchange.request
    if (observe === 0) this.#subscribe(exchange, request, client)
    else if (isPattern(request.topic)) {
      if (observe === 1) exchange.respond({ code: CODE.Content })
      else exchange.respond(refusal(CODE.BadRequest, 'a filter can only be observed'))
    } else if (this.#options.broker.route(request.topic) === undefined) exchange.respond(refusal(CODE.BadRequest, 'not a topic name'))
    else if (!this.#options.access.maySubscribe(client.identity, request.topic)) exchange.respond(brokerRefusal(0x87, client))
    else exchange.respond(this.#read(exchange, request.topic) ?? { code: observe === 1 ? CODE.Content : CODE.NotFound })
  }

  /** The retained value as a response; undefined: there is none. */
  #read(exchange: ServerExchange, topic: string): CoapResponse | undefined {
    const { broker } = this.#options
    const message = broker.retained(topic)
    if (message === undefined) return undefined
    const leftMs = message.expiresAtMs === 0 ? undefined : message.expiresAtMs - broker.runningMs()
    if (leftMs !== undefined && leftMs <= 0) return undefined
    const maxAge = leftMs === undefined ? undefined : Math.min(Math.floor(leftMs / 1000), 0xffffffff)
    const { accept, etags } = exchange.request
    const content = messageResponse(message)
    if (accept !== undefined && content.contentFormat !== undefined && accept !== content.contentFormat) return { code: CODE.NotAcceptable }
    const etag = retainedTag(message)
    if (etags.some(known => Buffer.compare(known, etag) === 0)) return { code: CODE.Valid, etag, maxAge }
    return { ...content, etag, maxAge }
  }

  /**
   * Registers an observer. The answer carries the retained value of a topic, or nothing; those that a filter matches
   * follow as notifications. Deliveries are held until the answer has left.
   */
  #subscribe(exchange: ServerExchange, request: PubSubRequest, client: CoapClient): void {
    const filter = request.topic
    const pattern = isPattern(filter)
    const current = pattern || !this.#options.access.maySubscribe(client.identity, filter) ? undefined : this.#read(exchange, filter)
    if (current?.code === CODE.NotAcceptable) {
      exchange.respond(current)
      return
    }
    const observer: Observer | undefined = exchange.observe(() => {
      if (observer !== undefined) client.unsubscribe(filter, observer)
    })
    if (observer === undefined) {
      exchange.respond(current ?? { code: CODE.ServiceUnavailable, maxAge: BUSY_SECONDS })
      return
    }
    const qos: Qos = request.qos === 0 ? 0 : 1
    client.broker.hold()
    const { code, position, first } = client.subscribe(filter, qos, observer, pattern)
    this.#commits.after(position, () => {
      exchange.respond(code < 0x80 ? (current ?? { code: CODE.Content }) : brokerRefusal(code, client))
      if (code < 0x80 && !first && pattern) this.#sendRetained(client, filter, qos, observer)
      client.broker.resume()
    })
  }

  /** A further observer of a filter that the broker knows already: it alone gets the retained messages. */
  #sendRetained(client: CoapClient, filter: string, qos: Qos, observer: Observer): void {
    if (filter.startsWith('$share/') || filter.startsWith('$queue/')) return
    for (const message of this.#options.broker.retainedMatching(filter, RETAINED_AT_ONCE_MAX)) {
      if (!this.#options.access.mayReceive(client.identity, message.topic, filter, qos)) continue
      observer.notify({ ...messageResponse(message), confirmable: qos > 0 && message.qos > 0 })
    }
  }
}

const RETAINED_AT_ONCE_MAX = 64

function isPattern(topic: string): boolean {
  return topic.includes('+') || topic.includes('#') || topic.startsWith('$share/') || topic.startsWith('$queue/')
}

function retainedTag(message: Message): Uint8Array {
  return bodyTag(message.payload, messageResponse(message).contentFormat)
}

function refusal(code: number, diagnostic: string): CoapResponse {
  return { code, payload: Buffer.from(diagnostic) }
}

/** The answer to a device that was not let in. */
function entryRefusal(error: GatewayError, request: PubSubRequest): CoapResponse {
  if (error.code === 'bad-credentials') return { code: CODE.Unauthorized }
  if (error.code === 'not-authorized') return { code: request.username === undefined ? CODE.Unauthorized : CODE.Forbidden }
  if (error.code === 'identifier-rejected') return refusal(CODE.BadRequest, 'clientid is not allowed')
  return { code: CODE.ServiceUnavailable, maxAge: BUSY_SECONDS }
}

/** The answer to what the broker refused with a reason code of MQTT 5. */
function brokerRefusal(reason: number, client: CoapClient): CoapResponse {
  // Without a name, showing one may help (4.01); with one it does not (4.03).
  if (reason === 0x87) return { code: client.identity.anonymous ? CODE.Unauthorized : CODE.Forbidden }
  if (reason === 0x8f || reason === 0x90 || reason === 0x9e || reason === 0xa2)
    return refusal(CODE.BadRequest, 'topic or filter not allowed')
  if (reason === 0x95) return { code: CODE.RequestEntityTooLarge }
  return { code: CODE.ServiceUnavailable, maxAge: STORE_FULL_SECONDS }
}
