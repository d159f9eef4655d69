import type { Broker, Client, ClientInfo, CloseReason, Qos, Records, Sink, WhenFull } from '#broker/ports.ts'
import type { RouteBook } from './route-book.ts'

/** What a spool holds at most, and what it does then. */
export interface SpoolLimits {
  bytesMax: number
  /** 0: any. */
  ageMaxMs: number
  whenFull: WhenFull
  qos0: boolean
  /** `live-first`: what comes while the upstream is there goes before the backlog. */
  order?: 'fifo' | 'live-first'
}

/** A local filter whose messages go into the spool. */
export interface SpoolRoute {
  from: string
  to: string
  qos: Qos
  envelope: 'none' | 'json'
}

export interface SpoolOptions {
  /** Name of the bridge; its client in the broker is `$bridge:NAME`. */
  name: string
  protocol: string
  limits: SpoolLimits
  inFlightMax: number
  routes: readonly SpoolRoute[]
}

const TOPIC_LEVELS_MAX = 65_535

/**
 * The spool of a bridge: the durable queue of its client in the broker. While the upstream is away the client is
 * detached, like any session whose device is away: what is in flight becomes a redelivery, and QoS 0 is kept or
 * not as the limits say.
 */
export class Spool {
  readonly clientId: string
  readonly records: Records
  readonly #broker: Broker
  readonly #book: RouteBook
  #options: SpoolOptions
  /** The session was there when this run of the process began, and so is its state at the upstream. */
  inherited = false

  constructor(broker: Broker, records: Records, book: RouteBook, options: SpoolOptions) {
    this.clientId = clientIdOf(options.name)
    this.records = records
    this.#broker = broker
    this.#book = book
    this.#options = options
  }

  /** Attaches for a moment, to bring limits and subscriptions up to date. */
  open(): void {
    const closed = { congested: true, send: () => {}, sendRun: () => false, deliver: () => {}, release: () => {}, close: () => {} }
    const { client, sessionPresent } = this.#attach(closed, undefined)
    this.inherited = sessionPresent
    this.#subscribe(client)
    client.detach(true)
  }

  /** Attaches for a connection to the upstream. Deliveries begin with the client's `resume`. */
  attach(sink: Sink, peer: string | undefined): Client {
    return this.#attach(sink, peer).client
  }

  /** Goes over to other routes and limits. Limits hold from the next attachment on; `attached` is the present one. */
  update(options: SpoolOptions, attached: Client | undefined): void {
    this.#options = options
    if (attached === undefined) this.open()
    else this.#subscribe(attached)
  }

  /** What the broker knows of the spool. Looks through all clients: for status only. */
  info(): ClientInfo | undefined {
    return this.#broker.clients().find(client => client.clientId === this.clientId)
  }

  #attach(sink: Sink, peer: string | undefined): { client: Client; sessionPresent: boolean } {
    const { limits, inFlightMax, protocol, name } = this.#options
    return this.#broker.attach({
      identity: this.#broker.internalIdentity(this.clientId, 'bridge', true),
      sink,
      protocol,
      listener: name,
      peer,
      cleanStart: false,
      sessionExpiryMs: Number.POSITIVE_INFINITY,
      overlap: 'each',
      limits: { queue: { messagesMax: Number.MAX_SAFE_INTEGER, ...limits }, inFlightMax, topicLevelsMax: TOPIC_LEVELS_MAX },
    })
  }

  #subscribe(client: Client): void {
    const { routes, limits } = this.#options
    this.#book.update(routes)
    const wanted = new Set(routes.map(route => route.from))
    const gone = this.#broker.subscriptions().filter(({ clientId, filter }) => clientId === this.clientId && !wanted.has(filter))
    if (gone.length > 0) client.unsubscribe(gone.map(subscription => subscription.filter))
    if (routes.length === 0) return
    client.subscribe(
      routes.map((route, i) => ({
        filter: route.from,
        qos: route.qos,
        noLocal: true,
        retainAsPublished: true,
        retainHandling: 1,
        identifier: this.#book.current[i].number,
        // A route of QoS 0 stays so: its QoS is the most.
        qosAtLeast: limits.qos0 && route.qos > 0 ? 1 : 0,
      })),
    )
  }
}

/** The broker's client of a bridge, and the owner of its records. */
export function clientIdOf(bridge: string): string {
  return `$bridge:${bridge}`
}

/** Why the broker ends an attachment, for people. */
export function closeSentence(reason: CloseReason): string {
  return reason === 'shutting-down' ? 'the gateway is stopping' : `the gateway ended the bridge's session (${reason})`
}
