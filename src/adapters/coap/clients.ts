import type { Clock, Timer } from '#base/clock.ts'
import { GatewayError, isGatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import { isLimited, PublishRate } from '#base/publish-rate.ts'
import type { Broker, ClientLimits, Identity } from '#broker/ports.ts'
import { CoapClient } from './client.ts'
import type { Peer } from './endpoint-peer.ts'

export interface ClientsOptions {
  broker: Broker
  clock: Clock
  logger: Logger
  listener: string
  limits: ClientLimits
  clientsMax: number
  anonymous: 'never' | 'loopback' | 'always' | undefined
  idleTimeoutMs: number
}

/** What a request says about who sends it. */
export interface Claim {
  clientId: string | undefined
  username: string | undefined
  password: string | undefined
}

type Waiter = (client: CoapClient | GatewayError) => void

/** Requests of one device that wait while it is being let in; full: the newcomer gets 5.03. */
const WAITERS_MAX = 64
/** QoS 1 messages on their way to one device: they leave one after the other (NSTART), so more would only wait here. */
const IN_FLIGHT_MAX = 16

/**
 * The devices of one listener as clients. One that names itself by `clientid=` is the same client whatever port it sends
 * from, as long as its address and credentials stay; any other is named after its address and port. When there are too
 * many, the one that was idle longest and observes nothing goes.
 */
export class Clients {
  readonly #options: ClientsOptions
  /** In the order of their last use. */
  readonly #clients = new Map<string, CoapClient>()
  readonly #entering = new Map<string, Waiter[]>()
  #timer: Timer | undefined
  #closed = false

  constructor(options: ClientsOptions) {
    this.#options = options
    this.#armSweep()
  }

  get size(): number {
    return this.#clients.size
  }

  /** The client for a request, let in and attached if it is new; `then` is called at once if nothing must be waited for. */
  enter(peer: Peer, claim: Claim, then: Waiter): void {
    const key = claim.clientId === undefined ? peer.key : `${claim.clientId}\u0000${peer.address}`
    const known = this.#clients.get(key)
    if (known !== undefined && known.username === claim.username && known.password === claim.password) {
      this.#touch(known)
      then(known)
      return
    }
    const entering = this.#entering.get(claimKey(key, claim))
    if (entering !== undefined) {
      if (entering.length >= WAITERS_MAX)
        then(new GatewayError('server-busy', 'too many requests wait for a decision', { retryable: true }))
      else entering.push(then)
      return
    }
    this.#admit(key, peer, claim, then)
  }

  close(): void {
    this.#closed = true
    this.#options.clock.clearTimer(this.#timer)
    for (const client of [...this.#clients.values()]) client.detach()
  }

  #admit(key: string, peer: Peer, claim: Claim, then: Waiter): void {
    const { broker, listener, anonymous } = this.#options
    let outcome: Identity | Promise<Identity>
    try {
      outcome = broker.admit({
        protocol: 'coap',
        clientId: claim.clientId ?? `coap:${showPeer(peer)}`,
        username: claim.username,
        password: claim.password === undefined ? undefined : Buffer.from(claim.password),
        address: peer.address,
        listener,
        loopback: peer.loopback,
        anonymous,
      })
    } catch (error) {
      then(asGatewayError(error))
      return
    }
    if (!(outcome instanceof Promise)) {
      then(this.#attach(key, peer, claim, outcome))
      return
    }
    const entering = claimKey(key, claim)
    const waiters: Waiter[] = [then]
    this.#entering.set(entering, waiters)
    peer.holds++
    const decided = (decide: () => CoapClient | GatewayError) => {
      this.#entering.delete(entering)
      peer.holds--
      const result = decide()
      for (const waiter of waiters) waiter(result)
    }
    outcome.then(
      identity => decided(() => this.#attach(key, peer, claim, identity)),
      (error: unknown) => decided(() => asGatewayError(error)),
    )
  }

  #attach(key: string, peer: Peer, claim: Claim, identity: Identity): CoapClient | GatewayError {
    const { broker, clock, listener, limits, clientsMax } = this.#options
    if (this.#closed) return new GatewayError('server-busy', 'the listener is closing')
    this.#clients.get(key)?.detach()
    if (this.#clients.size >= clientsMax && !this.#evict())
      return new GatewayError('quota-exceeded', 'too many CoAP clients', { retryable: true })
    const client = new CoapClient(key, claim, clock, gone => {
      if (this.#clients.get(gone.key) === gone) this.#clients.delete(gone.key)
    })
    try {
      const attachment = broker.attach({
        // Names with $ are the gateway's to give: `admit` takes none from a device.
        identity: claim.clientId === undefined ? { ...identity, clientId: ownClientId(peer) } : identity,
        sink: client,
        protocol: 'coap',
        listener,
        peer: showPeer(peer),
        cleanStart: true,
        sessionExpiryMs: 0,
        limits: { ...limits, inFlightMax: Math.min(limits.inFlightMax, IN_FLIGHT_MAX) },
        overlap: 'each',
      })
      client.bind(attachment.client)
      if (isLimited(limits.rate)) client.rate = new PublishRate(clock, limits.rate)
      this.#clients.set(key, client)
      attachment.client.resume()
      return client
    } catch (error) {
      return asGatewayError(error)
    }
  }

  #touch(client: CoapClient): void {
    client.lastUsedMs = this.#options.clock.monotonic()
    this.#clients.delete(client.key)
    this.#clients.set(client.key, client)
  }

  #evict(): boolean {
    for (const client of this.#clients.values()) {
      if (client.observing) continue
      client.detach()
      return true
    }
    return false
  }

  #armSweep(): void {
    const { clock, idleTimeoutMs } = this.#options
    this.#timer = clock.setTimer(Math.min(idleTimeoutMs, 15_000), () => {
      const beforeMs = clock.monotonic() - idleTimeoutMs
      for (const client of [...this.#clients.values()]) if (!client.observing && client.lastUsedMs <= beforeMs) client.detach()
      this.#armSweep()
    })
  }
}

function claimKey(key: string, claim: Claim): string {
  return `${key}\u0000${claim.username ?? ''}\u0000${claim.password ?? ''}`
}

/** `$coap:192.0.2.7:40001`, `$coap:[2001:db8::7]:40001`. */
function ownClientId(peer: Peer): string {
  return `$coap:${showPeer(peer)}`
}

function showPeer(peer: Peer): string {
  return peer.address.includes(':') ? `[${peer.address}]:${peer.port}` : `${peer.address}:${peer.port}`
}

function asGatewayError(error: unknown): GatewayError {
  return isGatewayError(error)
    ? error
    : new GatewayError('server-busy', 'the client could not be let in', { cause: error, retryable: true })
}
