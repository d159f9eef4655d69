/** Who is attached: how a client comes to its session, and how it goes. */
import type { Clock } from '#base/clock.ts'
import type { Access, Identity } from './access-port.ts'
import { AttachedClient, type ClientHost } from './attached-client.ts'
import { EndingCounts } from './endings.ts'
import { diskRefusal, mayPublishWill, NOT_AUTHORIZED, requireOwner, willRefusal } from './permission.ts'
import type { Attachment, AttachRequest, ExpelReason, SubscribeRequest, Will } from './ports.ts'
import type { Presence } from './presence.ts'
import type { RetainedReadings } from './retained-reading.ts'
import type { Session } from './session.ts'
import type { SessionTable } from './session-table.ts'
import type { Store } from './store-port.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { Wills } from './wills.ts'

/** The rooms that a client passes through. */
export interface AttachmentRooms {
  readonly store: Store
  readonly access: Access
  readonly clock: Clock
  /** What each client is asked for. */
  readonly host: ClientHost
  readonly sessions: SessionTable
  readonly subscriptions: Subscriptions
  readonly readings: RetainedReadings
  readonly wills: Wills
  readonly presence: Presence
  /** Routes were compiled with limits that a session no longer has. */
  readonly routesChanged: () => void
  readonly conditionReason: () => string
  /** What each client is subscribed to as it connects. */
  readonly autoSubscriptions: ((identity: Identity, protocol: string) => readonly SubscribeRequest[]) | undefined
}

export class Attachments {
  readonly #rooms: AttachmentRooms
  readonly #clients = new Map<string, AttachedClient>()
  readonly endings = new EndingCounts()
  /** Who leaves now does so because the gateway stops: wills stay in the store. */
  stopping = false

  constructor(rooms: AttachmentRooms) {
    this.#rooms = rooms
  }

  /** @throws GatewayError `store-full`, `identifier-rejected`, `not-authorized` */
  attach(request: AttachRequest): Attachment {
    const { store, sessions, subscriptions, wills, presence, host, clock } = this.#rooms
    const { identity } = request
    const { clientId } = identity
    this.#require(request)
    this.#takeOver(clientId, request)
    let session = sessions.get(clientId)
    if (session !== undefined && request.cleanStart) {
      this.endSession(session)
      session = undefined
    }
    const sessionPresent = session !== undefined
    if (session === undefined) session = sessions.create(identity, request.limits, request.sessionExpiryMs > 0)
    else this.#rooms.routesChanged()
    session.attach(request, clock.now())
    if (sessionPresent) subscriptions.review(session)
    if (request.will !== undefined) request.will.identity = identity
    wills.connected(clientId, request.will)
    const client = new AttachedClient(host, session, identity)
    this.#clients.set(clientId, client)
    const automatic = this.#rooms.autoSubscriptions?.(identity, request.protocol) ?? []
    if (automatic.length > 0) subscriptions.add(session, automatic)
    presence.came(session, request.cleanStart)
    sessions.save(session)
    return { client, sessionPresent, position: session.durable ? store.position : 0 }
  }

  detach(client: AttachedClient, normal: boolean, sessionExpiryMs: number | undefined, reason: string): void {
    const { presence, wills, sessions } = this.#rooms
    const { session } = client
    presence.went(session, reason)
    if (!session.identity.internal) this.endings.count(session.id, session.listener, reason)
    client.attached = false
    this.#clients.delete(session.id)
    if (sessionExpiryMs !== undefined && session.durable) session.expiryMs = sessionExpiryMs
    const ends = !session.durable || session.expiryMs === 0
    session.detach()
    const { will } = session
    session.will = undefined
    if (!this.stopping && will !== undefined) wills.discharge(session.id, will, normal, ends)
    if (ends) this.endSession(session)
    else sessions.save(session)
  }

  endSession(session: Session): void {
    this.#rooms.readings.sessionEnded(session)
    this.#rooms.sessions.end(session)
    this.#rooms.wills.sessionEnded(session.id)
  }

  /** The outcome as `Client.setWill` has it. */
  setWill({ session, identity }: AttachedClient, will: Will | undefined): number {
    const { access, wills, store, host } = this.#rooms
    if (will !== undefined && !mayPublishWill(access, identity, will)) {
      host.countRefused(NOT_AUTHORIZED)
      return -NOT_AUTHORIZED
    }
    session.will = will
    if (will === undefined) wills.revoke(session.id)
    else {
      will.identity = identity
      wills.connected(session.id, will)
    }
    return store.position
  }

  kick(clientId: string, endSession: boolean, reason: ExpelReason): boolean {
    const { sessions } = this.#rooms
    const client = this.#clients.get(clientId)
    const session = sessions.get(clientId)
    if (session === undefined || session.identity.internal) return false
    if (client !== undefined) this.#close(client, reason)
    if (endSession && sessions.get(clientId) === session) this.endSession(session)
    return true
  }

  /** Ends the connections of those who are meant. Returns how many. */
  expel(reason: ExpelReason, isMeant: (identity: Identity) => boolean): number {
    const meant = [...this.#clients.values()].filter(({ identity }) => !identity.internal && isMeant(identity))
    for (const { id } of meant) this.kick(id, false, reason)
    return meant.length
  }

  /** A publish was refused by the rules: the connection may end with it. */
  denied(client: AttachedClient): void {
    if (this.#rooms.access.denyAction === 'disconnect' && client.session.closable) this.#close(client, 'not-authorized')
  }

  stop(): void {
    for (const client of [...this.#clients.values()]) this.#close(client, 'shutting-down')
  }

  #close(client: AttachedClient, reason: ExpelReason | 'shutting-down'): void {
    const { sink } = client.session
    this.detach(client, false, undefined, reason)
    sink?.close(reason)
  }

  #require({ identity, sessionExpiryMs, will }: AttachRequest): void {
    const { store, sessions, access, host } = this.#rooms
    if (sessionExpiryMs > 0 && store.condition !== 'ok' && !identity.internal) throw diskRefusal(this.#rooms.conditionReason())
    requireOwner(sessions.get(identity.clientId), identity)
    if (will === undefined || mayPublishWill(access, identity, will)) return
    host.countRefused(NOT_AUTHORIZED)
    throw willRefusal(will)
  }

  #takeOver(clientId: string, request: AttachRequest): void {
    const before = this.#clients.get(clientId)
    if (before === undefined) return
    const { session } = before
    const { sink } = session
    const willWaits = (session.will?.delayMs ?? 0) > 0 && session.durable && !request.cleanStart
    this.detach(before, willWaits, undefined, 'taken-over')
    sink?.close('taken-over')
  }
}
