/** A client's hold on its session while it is attached. A taken-over or detached client's calls do nothing. */
import { ACCESS_DECISIONS_MAX } from '#base/limits.ts'
import type { Access, Identity } from './access-port.ts'
import type { Message, Qos } from './message.ts'
import type { Client, DropReason, PublishRun, Route, SubscribeRequest, Will } from './ports.ts'
import type { CompiledRoute } from './route-table.ts'
import type { Session } from './session.ts'
import type { TopicRewriting } from './topic-rewriting.ts'

/** `MQTT 5 §2.4`: session taken over; what a client that lost its hold is told whatever the cause. */
const NOT_ATTACHED = 0x8e

/** What an attached client asks of the broker. */
export interface ClientHost {
  readonly access: Access
  current(route: CompiledRoute): CompiledRoute
  /** Undefined: what clients publish on stays as it is. */
  readonly rewriting: TopicRewriting | undefined
  /** Stores, retains and routes; the outcome as `Client.publish` has it. */
  distribute(route: CompiledRoute, message: Message, from: Session, packetId: number): number
  distributeRun(route: CompiledRoute, run: PublishRun, from: Session): void
  releaseInbound(session: Session, packetId: number): number
  forgetInbound(session: Session): number
  subscribe(session: Session, requests: readonly SubscribeRequest[]): { codes: number[]; position: number }
  unsubscribe(session: Session, filters: readonly string[]): { codes: number[]; position: number }
  detach(client: AttachedClient, normal: boolean, sessionExpiryMs: number | undefined, reason: string): void
  setWill(client: AttachedClient, will: Will | undefined): number
  countRefused(reasonCode: number): void
  /** A publish was refused by the rules: the connection may end with it. */
  denied(client: AttachedClient): void
}

export class AttachedClient implements Client {
  readonly #host: ClientHost
  readonly session: Session
  readonly identity: Identity
  attached = true
  /**
   * Access decisions by route, for clients that rules apply to: a bit for each QoS with and without RETAIN that is
   * allowed, and six places higher one for each that is decided.
   */
  #decisions: Map<Route, number> | undefined
  #decidedUnder = -1
  #unrestricted = false
  readonly #rewriting: TopicRewriting | undefined

  constructor(host: ClientHost, session: Session, identity: Identity) {
    const { rewriting } = host
    // The gateway's own parts say what they mean.
    this.#rewriting = rewriting?.publishes && !identity.clientId.startsWith('$') ? rewriting : undefined
    this.#host = host
    this.session = session
    this.identity = identity
  }

  get id(): string {
    return this.session.id
  }

  get queued(): number {
    return this.session.queued
  }

  publish(route: Route, message: Message, packetId = 0): number {
    if (!this.attached) return -NOT_ATTACHED
    const asked = this.#host.current(route as CompiledRoute)
    const current = this.#rewriting === undefined ? asked : this.#rewriting.route(asked, this.identity)
    if (current !== asked) {
      this.#host.current(current)
      message = message.onTopic(current.topic)
    }
    const refusal = this.#refusal(current, message.qos, message.retain)
    if (refusal !== 0) {
      this.#refused(refusal)
      return -refusal
    }
    return this.#host.distribute(current, message, this.session, packetId)
  }

  publishRun(route: Route, run: PublishRun): void {
    if (!this.attached) return
    const current = this.#host.current(route as CompiledRoute)
    if (this.#rewriting !== undefined && this.#rewriting.route(current, this.identity) !== current) {
      for (const message of run.messages()) this.publish(route, message)
      return
    }
    const refusal = this.#refusal(current, 0, false)
    if (refusal !== 0) this.#refused(refusal)
    else this.#host.distributeRun(current, run, this.session)
  }

  release(packetId: number): number {
    return this.attached ? this.#host.releaseInbound(this.session, packetId) : -NOT_ATTACHED
  }

  forgetInbound(): number {
    return this.attached ? this.#host.forgetInbound(this.session) : 0
  }

  subscribe(requests: readonly SubscribeRequest[]): { codes: number[]; position: number } {
    if (!this.attached) return { codes: requests.map(() => 0x80), position: 0 }
    return this.#host.subscribe(this.session, requests)
  }

  unsubscribe(filters: readonly string[]): { codes: number[]; position: number } {
    if (!this.attached) return { codes: filters.map(() => 0x80), position: 0 }
    return this.#host.unsubscribe(this.session, filters)
  }

  acknowledge(packetId: number): boolean {
    return this.attached && this.session.answers.acknowledge(packetId)
  }

  received(packetId: number): boolean {
    return this.attached && this.session.answers.received(packetId)
  }

  awaited(packetId: number): 'puback' | 'pubrec' | 'pubcomp' | undefined {
    return this.attached ? this.session.answers.awaited(packetId) : undefined
  }

  complete(packetId: number): boolean {
    return this.attached && this.session.answers.complete(packetId)
  }

  discard(packetId: number, reason: DropReason): boolean {
    return this.attached && this.session.answers.discard(packetId, reason)
  }

  hold(): void {
    if (this.attached) this.session.hold()
  }

  resume(): void {
    if (this.attached) this.session.resume()
  }

  park(): void {
    if (this.attached) this.session.park()
  }

  unpark(): void {
    if (this.attached) this.session.unpark()
  }

  setWill(will: Will | undefined): number {
    return this.attached ? this.#host.setWill(this, will) : -NOT_ATTACHED
  }

  setState(state: string | undefined): void {
    if (this.attached) this.session.state = state
  }

  wake(): void {
    if (this.attached) this.session.pump()
  }

  lost(reason: DropReason): void {
    this.session.drop(reason, 1)
  }

  setInFlightMax(entries: number): void {
    if (this.attached) this.session.setInFlightMax(entries)
  }

  detach(normal: boolean, sessionExpiryMs?: number, reason?: string): void {
    if (this.attached) this.#host.detach(this, normal, sessionExpiryMs, reason ?? (normal ? 'disconnected' : 'connection-lost'))
  }

  /** The reason code of a refusal, 0 for none. */
  #refusal(route: CompiledRoute, qos: Qos, retain: boolean): number {
    if (route.levels > this.session.limits.topicLevelsMax) return 0x90
    if (route.barred !== 0 && !this.identity.internal) return route.barred
    return this.#mayPublish(route, qos, retain) ? 0 : 0x87
  }

  #refused(reasonCode: number): void {
    this.#host.countRefused(reasonCode)
    if (reasonCode === 0x87) this.#host.denied(this)
  }

  #mayPublish(route: CompiledRoute, qos: Qos, retain: boolean): boolean {
    const { access } = this.#host
    if (this.#decidedUnder !== access.generation) {
      this.#decidedUnder = access.generation
      this.#unrestricted = this.identity.internal || access.unrestricted(this.identity)
      this.#decisions = undefined
    }
    if (this.#unrestricted) return true
    this.#decisions ??= new Map()
    const known = this.#decisions.get(route) ?? 0
    const bit = 1 << (qos * 2 + (retain ? 1 : 0))
    if ((known & (bit << 6)) !== 0) return (known & bit) !== 0
    if (this.#decisions.size >= ACCESS_DECISIONS_MAX) this.#decisions.clear()
    const allowed = access.mayPublish(this.identity, route.delay?.topic ?? route.topic, qos, retain)
    this.#decisions.set(route, known | (bit << 6) | (allowed ? bit : 0))
    return allowed
  }
}
