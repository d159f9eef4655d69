/** One connection to the upstream, from the first byte to the last, with the spool attached while it stands. */

import { GatewayError } from '#base/errors.ts'
import { closeSentence, type Spool } from '#bridges/engine/spool.ts'
import { readTemplate, type TopicTemplate } from '#bridges/engine/template.ts'
import type { BridgeServices } from '#bridges/types.ts'
import type { Client, CloseReason } from '#broker/ports.ts'
import { type ConnectionEvents, MqttConnection, type OpenStream, refusal, type ServerTerms } from '#clients/mqtt/index.ts'
import { isSharedFilter, type Subscription } from '#codecs/mqtt/index.ts'
import type { InRoute, MqttBridgeConfig } from './config.ts'
import { Framer } from './frame.ts'
import { Inbox } from './inbox.ts'
import { engineOptionsOf, targetOf, versionOf, windowOf } from './options.ts'
import { Outbox, type OutboxState } from './outbox.ts'
import type { UpstreamMemory } from './upstream.ts'

/** Some clouds take no more filters in one SUBSCRIBE. */
const FILTERS_PER_SUBSCRIBE = 8
/** Ends that say nothing about the message that was sent last. */
const INNOCENT_REASONS = new Set([0x8b, 0x8d, 0x8e, 0x98, 0x9c, 0x9d, 0xa0])

export interface LinkHost extends BridgeServices {
  spool: Spool
  state: OutboxState
  memory: UpstreamMemory
  open: OpenStream
  /** The upstream accepted us, and messages flow. */
  connected(): void
  /** Whether a session that the upstream still has is ours. */
  readonly sessionKnown: boolean
  /** The link is over: the upstream has a session that is not ours (`foreign`), or has forgotten it as asked (`wiped`). */
  sessionEnded(how: 'foreign' | 'wiped'): void
  /** It is over; called once. Without an error it was `end`. */
  closed(error: GatewayError | undefined): void
  complain(message: string, error?: unknown): void
}

export type SessionStart = 'keep' | 'new' | 'wipe'

export class Link {
  readonly #config: MqttBridgeConfig
  readonly #clientId: string
  readonly #session: SessionStart
  readonly #host: LinkHost
  readonly #connection: MqttConnection
  #inRoutes: readonly InRoute[]
  #client: Client | undefined = undefined
  #outbox: Outbox | undefined = undefined
  #inbox: Inbox | undefined = undefined
  #over = false
  #settled: (() => void) | undefined = undefined

  /**
   * `session`: go on with the one at the upstream (`keep`), begin a `new` one that ends with the connection, or only
   * `wipe` the old one: a session that is to last is begun by the connection after that, because in MQTT 3.1.1, and in
   * some MQTT 5 servers, a clean start makes one that does not.
   */
  constructor(config: MqttBridgeConfig, clientId: string, session: SessionStart, host: LinkHost) {
    this.#config = config
    this.#session = session
    this.#clientId = clientId
    this.#host = host
    this.#inRoutes = config.in
    const events: ConnectionEvents = {
      connected: terms => this.#connected(terms),
      acknowledged: answer => this.#answered(() => this.#outbox?.acknowledged(answer)),
      received: packetId => this.#outbox?.received(packetId),
      completed: packetId => this.#answered(() => this.#outbox?.completed(packetId)),
      message: packet => this.#inbox?.message(packet),
      released: packetId => this.#inbox?.released(packetId),
      drained: () => this.#outbox?.wake(),
      closed: error => this.#closed(error),
    }
    const options = engineOptionsOf(config, clientId, session === 'keep')
    this.#connection = new MqttConnection(targetOf(config), options, events, host.open, host.clock)
  }

  /** The spool's client while the link stands. */
  get client(): Client | undefined {
    return this.#client
  }

  get inFlight(): number {
    return this.#outbox?.inFlight ?? 0
  }

  get received(): number {
    return this.#inbox?.received ?? 0
  }

  /** The pace has room again. */
  wake(): void {
    this.#outbox?.wake()
  }

  /** Goes over to other in routes on the standing connection. */
  setInRoutes(routes: readonly InRoute[]): void {
    this.#inRoutes = routes
    this.#inbox?.setTemplates(templatesOf(routes))
    if (this.#client !== undefined) this.#subscribe(true)
  }

  /** Sends nothing new, waits until what is in flight is acknowledged (at most `patienceMs`), says goodbye. */
  async end(patienceMs: number): Promise<void> {
    if (this.#over) return
    this.#client?.hold()
    if (this.inFlight > 0) {
      await new Promise<void>(resolve => {
        const timer = this.#host.clock.setTimer(patienceMs, resolve)
        this.#settled = () => {
          this.#host.clock.clearTimer(timer)
          resolve()
        }
      })
    }
    this.#connection.end()
  }

  #answered(run: () => void): void {
    run()
    if (this.inFlight === 0) this.#settled?.()
  }

  #connected(terms: ServerTerms): void {
    if (this.#session === 'wipe') return this.#leave('wiped')
    // [MQTT-3.2.2-5] Its packet ids mean nothing to us, and could swallow messages.
    if (terms.sessionPresent && !this.#host.sessionKnown) return this.#leave('foreign')
    const { spool, broker, clock, gatewayId, state } = this.#host
    const framer = new Framer(versionOf(this.#config), terms, broker, gatewayId)
    const outbox = new Outbox(
      this.#connection,
      terms,
      framer,
      { windowMax: windowOf(this.#config), sessionKept: !this.#config.clean_start },
      state,
      {
        broker,
        clock,
        complain: (message, error) => this.#host.complain(message, error),
        detached: reason => this.#detached(reason),
      },
    )
    const client = spool.attach(outbox, this.#connection.peer)
    this.#client = client
    this.#outbox = outbox
    this.#inbox = new Inbox(this.#connection.engine, client, templatesOf(this.#inRoutes), {
      broker,
      clock,
      gatewayId,
      clientId: terms.clientId,
      complain: message => this.#host.complain(message),
      overflow: () =>
        this.#fail(
          new GatewayError('store-failed', 'the store takes nothing, and too much of the upstream waits for it', { retryable: true }),
        ),
    })
    // [MQTT-3.2.2-4] A new session at the upstream begins its packet ids anew: the old ones must not swallow messages.
    if (!terms.sessionPresent) client.forgetInbound()
    this.#host.connected()
    this.#begin(outbox, client, this.#subscribe(terms.sessionPresent))
  }

  #leave(how: 'foreign' | 'wiped'): void {
    this.#over = true
    this.#connection.end()
    this.#host.sessionEnded(how)
  }

  /** Deliveries begin once it is on disk which session they belong to: else a crash could have it thrown away. */
  #begin(outbox: Outbox, client: Client, position: number): void {
    const { broker } = this.#host
    if (this.#over) return
    if (position <= broker.committed) return outbox.begin(client)
    broker.whenCommitted(position).then(
      () => {
        if (!this.#over) outbox.begin(client)
      },
      () => {}, // the broker is stopping
    )
  }

  /** Brings the subscriptions at the upstream up to date. Returns the position of what is remembered of them. */
  #subscribe(sessionPresent: boolean): number {
    const { engine } = this.#connection
    const { memory } = this.#host
    const wanted = new Set(this.#inRoutes.map(route => route.from))
    const gone = sessionPresent ? memory.filters.filter(filter => !wanted.has(filter)) : []
    for (const filters of chunks(gone)) engine.unsubscribe(filters, () => {})
    for (const routes of chunks(this.#inRoutes)) {
      engine.subscribe(routes.map(subscriptionOf), codes => {
        codes?.forEach((code, i) => {
          const { from, qos } = routes[i]
          if (code >= 0x80) this.#host.complain('the upstream refuses a subscription', refusal(code, `subscribing to ${from}`))
          else if (code < qos) this.#host.complain(`the upstream grants only QoS ${code} for ${from}`)
        })
      })
    }
    return memory.remember(this.#config, this.#clientId, [...wanted])
  }

  #detached(reason: CloseReason): void {
    this.#client = undefined
    if (reason === 'shutting-down') this.#connection.end()
    else this.#fail(new GatewayError('connection-lost', closeSentence(reason), { retryable: true }))
  }

  #fail(error: GatewayError): void {
    this.#closed(error)
    this.#connection.end()
  }

  #closed(error: GatewayError | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#outbox?.ended(error !== undefined && mayBeTheMessage(error))
    this.#outbox?.stop()
    this.#inbox?.stop()
    this.#settled?.()
    this.#client?.detach(true)
    this.#client = undefined
    this.#host.closed(error)
  }
}

/** Whether a connection may have ended because of what was sent: the upstream closed it, and gave no other reason. */
function mayBeTheMessage(error: GatewayError): boolean {
  if (error.code === 'timeout') return false
  return error.reason === undefined || !INNOCENT_REASONS.has(error.reason)
}

function subscriptionOf({ from, qos }: InRoute): Subscription {
  // [MQTT-3.8.3-4] No Local is not allowed with a shared subscription.
  return {
    filter: from,
    qos: qos as 0 | 1 | 2,
    noLocal: !isSharedFilter(from),
    retainAsPublished: true,
    retainHandling: isSharedFilter(from) ? 0 : 1,
  }
}

function templatesOf(routes: readonly InRoute[]): TopicTemplate[] {
  return routes.flatMap(({ from, to }) => {
    const reading = readTemplate(to, from)
    return reading.ok ? [reading.template] : []
  })
}

function* chunks<T>(items: readonly T[]): Generator<T[]> {
  for (let i = 0; i < items.length; i += FILTERS_PER_SUBSCRIBE) yield items.slice(i, i + FILTERS_PER_SUBSCRIBE)
}
