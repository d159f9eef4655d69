/** A client's hold on its session while it is attached. A taken-over or detached client's calls do nothing. */
import { ACCESS_DECISIONS_MAX } from '#base/limits.ts'
import type { Access, Identity } from './access-port.ts'
import type { Message } from './message.ts'
import type { Client, DropReason, PublishRun, Route, SubscribeRequest } from './ports.ts'
import type { CompiledRoute } from './route-table.ts'
import type { Session } from './session.ts'

/** `MQTT 5 §2.4`: session taken over; what a client that lost its hold is told whatever the cause. */
const NOT_ATTACHED = 0x8e

/** What an attached client asks of the broker. */
export interface ClientHost {
  readonly access: Access
  current(route: CompiledRoute): CompiledRoute
  /** Stores, retains and routes; the outcome as `Client.publish` has it. */
  distribute(route: CompiledRoute, message: Message, from: Session, packetId: number): number
  distributeRun(route: CompiledRoute, run: PublishRun, from: Session): void
  releaseInbound(session: Session, packetId: number): number
  subscribe(session: Session, requests: readonly SubscribeRequest[]): { codes: number[]; position: number }
  unsubscribe(session: Session, filters: readonly string[]): { codes: number[]; position: number }
  detach(client: AttachedClient, normal: boolean, sessionExpiryMs: number | undefined): void
  countRefused(reasonCode: number): void
}

export class AttachedClient implements Client {
  readonly #host: ClientHost
  readonly session: Session
  readonly identity: Identity
  attached = true
  /** Access decisions by route, for clients that rules apply to. */
  #decisions: Map<Route, boolean> | undefined
  #decidedUnder = -1
  #unrestricted = false

  constructor(host: ClientHost, session: Session, identity: Identity) {
    this.#host = host
    this.session = session
    this.identity = identity
  }

  get id(): string {
    return this.session.id
  }

  get queued(): number {
    return this.session.queue.count
  }

  publish(route: Route, message: Message, packetId = 0): number {
    if (!this.attached) return -NOT_ATTACHED
    const current = this.#host.current(route as CompiledRoute)
    const refusal = this.#refusal(current)
    if (refusal !== 0) {
      this.#host.countRefused(refusal)
      return -refusal
    }
    return this.#host.distribute(current, message, this.session, packetId)
  }

  publishRun(route: Route, run: PublishRun): void {
    if (!this.attached) return
    const current = this.#host.current(route as CompiledRoute)
    const refusal = this.#refusal(current)
    if (refusal !== 0) this.#host.countRefused(refusal)
    else this.#host.distributeRun(current, run, this.session)
  }

  release(packetId: number): number {
    return this.attached ? this.#host.releaseInbound(this.session, packetId) : -NOT_ATTACHED
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
    return this.attached && this.session.acknowledge(packetId)
  }

  received(packetId: number): boolean {
    return this.attached && this.session.received(packetId)
  }

  complete(packetId: number): boolean {
    return this.attached && this.session.complete(packetId)
  }

  discard(packetId: number, reason: DropReason): boolean {
    return this.attached && this.session.discard(packetId, reason)
  }

  hold(): void {
    if (this.attached) this.session.hold()
  }

  resume(): void {
    if (this.attached) this.session.resume()
  }

  wake(): void {
    if (this.attached) this.session.pump()
  }

  setInFlightMax(entries: number): void {
    if (this.attached) this.session.setInFlightMax(entries)
  }

  detach(normal: boolean, sessionExpiryMs?: number): void {
    if (this.attached) this.#host.detach(this, normal, sessionExpiryMs)
  }

  /** The reason code of a refusal, 0 for none. */
  #refusal(route: CompiledRoute): number {
    if (route.levels > this.session.limits.topicLevelsMax) return 0x90
    return this.#mayPublish(route) ? 0 : 0x87
  }

  #mayPublish(route: CompiledRoute): boolean {
    const { access } = this.#host
    if (this.#decidedUnder !== access.generation) {
      this.#decidedUnder = access.generation
      this.#unrestricted = access.unrestricted(this.identity)
      this.#decisions = undefined
    }
    if (this.#unrestricted) return true
    this.#decisions ??= new Map()
    let allowed = this.#decisions.get(route)
    if (allowed === undefined) {
      if (this.#decisions.size >= ACCESS_DECISIONS_MAX) this.#decisions.clear()
      allowed = access.mayPublish(this.identity, route.topic)
      this.#decisions.set(route, allowed)
    }
    return allowed
  }
}
