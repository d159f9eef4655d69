/**
 * The cache of routes: topic bytes → who gets it. A look-up costs a hash and a compare of the bytes; a change of
 * the subscriptions or of the rules makes every route stale, and a stale one is compiled again when it is used next.
 */
import { ROUTES_MAX } from '#base/limits.ts'
import { isPlain } from '#base/text.ts'
import type { Access } from './access-port.ts'
import { type Delay, delayOf } from './delayed.ts'
import type { Qos } from './message.ts'
import { mayReceive } from './permission.ts'
import type { Route } from './ports.ts'
import type { Recipient } from './recipient.ts'
import type { Session } from './session.ts'
import type { Placed, Subscription } from './subscription.ts'
import { isTopicName, levelCount } from './topic.ts'
import type { TopicTree } from './topic-tree.ts'

/** One recipient of what is published on a route. */
export interface Target {
  readonly recipient: Recipient
  readonly qos: Qos
  readonly qosAtLeast: Qos
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly identifiers: readonly number[] | undefined
}

/** Reason codes (`MQTT 5 §2.4`). */
const NOT_AUTHORIZED = 0x87
const TOPIC_NAME_INVALID = 0x90

export class CompiledRoute implements Route {
  readonly topic: string
  readonly topicBytes: Uint8Array
  readonly levels: number
  readonly plain: boolean
  /** Why a client may not publish there, as a reason code; 0: it may. Below $SYS only the gateway does (`MQTT 5 §4.7.2`). */
  readonly barred: number
  /** A message is to wait, and to be published on another topic then. */
  readonly delay: Delay | undefined
  targets: readonly Target[] = []
  /** Some recipient outlives its connection, so that a message for it needs the disk. */
  durable = false
  /** Some recipient's queue refuses when it is full. */
  mayReject = false
  epoch = 0
  /** The route that clients' publishes take instead, where that does not depend on who they are. */
  rewritten: CompiledRoute | undefined
  next: CompiledRoute | undefined

  constructor(topic: string, topicBytes: Uint8Array) {
    const delay = delayOf(topic)
    this.topic = topic
    this.delay = delay === 'invalid' ? undefined : delay
    this.barred = delay === 'invalid' ? TOPIC_NAME_INVALID : topic.startsWith('$SYS/') ? NOT_AUTHORIZED : 0
    this.topicBytes = topicBytes
    this.levels = levelCount(topic)
    this.plain = isPlain(topic)
  }

  get empty(): boolean {
    if (this.rewritten !== undefined && this.rewritten !== this) return this.rewritten.empty
    return this.targets.length === 0 && this.delay === undefined
  }
}

const NO_BYTES = new Uint8Array(0)
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class RouteTable {
  readonly #tree: TopicTree<Placed>
  readonly #access: Access
  /** Two generations: what is used moves to the young one; when that is full the old one goes. */
  #young = new Map<number, CompiledRoute>()
  #old = new Map<number, CompiledRoute>()
  #youngCount = 0

  constructor(tree: TopicTree<Placed>, access: Access) {
    this.#tree = tree
    this.#access = access
  }

  /** The route of the topic in [start, end); undefined when that is no valid topic name. */
  find(bytes: Uint8Array, start: number, end: number): CompiledRoute | undefined {
    const hash = hashOf(bytes, start, end)
    for (let route = this.#young.get(hash); route !== undefined; route = route.next) {
      if (isTopic(route, bytes, start, end)) return route.epoch === this.#tree.epoch ? route : this.compile(route)
    }
    return this.#miss(bytes, start, end, hash)
  }

  /** A route for one message, which is not kept: those of many topics would drive out what devices use. */
  passing(topic: string): CompiledRoute {
    return this.compile(new CompiledRoute(topic, NO_BYTES))
  }

  /** Brings a route up to the present subscriptions. */
  compile(route: CompiledRoute): CompiledRoute {
    // What waits reaches nobody yet, not even a subscriber to $delayed/#.
    const targets = route.delay === undefined ? compileTargets(this.#tree.match(route.topic), this.#access, route.topic) : []
    route.targets = targets
    route.durable = targets.some(target => target.recipient.durable)
    route.mayReject = targets.some(target => target.recipient.whenFull === 'reject')
    route.epoch = this.#tree.epoch
    return route
  }

  #miss(bytes: Uint8Array, start: number, end: number, hash: number): CompiledRoute | undefined {
    let route = this.#old.get(hash)
    while (route !== undefined && !isTopic(route, bytes, start, end)) route = route.next
    if (route === undefined) {
      const topic = decodeTopic(bytes.subarray(start, end))
      if (topic === undefined) return undefined
      route = new CompiledRoute(topic, Uint8Array.prototype.slice.call(bytes, start, end))
    } else this.#unlink(route, hash)
    if (this.#youngCount >= ROUTES_MAX / 2) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngCount = 0
    }
    route.next = this.#young.get(hash)
    this.#young.set(hash, route)
    this.#youngCount++
    return this.compile(route)
  }

  #unlink(route: CompiledRoute, hash: number): void {
    const first = this.#old.get(hash)
    if (first === route) {
      if (route.next === undefined) this.#old.delete(hash)
      else this.#old.set(hash, route.next)
      return
    }
    for (let at = first; at !== undefined; at = at.next) {
      if (at.next === route) at.next = route.next
    }
  }
}

function decodeTopic(bytes: Uint8Array): string | undefined {
  try {
    const topic = strictUtf8.decode(bytes)
    return isTopicName(topic) ? topic : undefined
  } catch {
    return undefined // not UTF-8 [MQTT-1.5.4-1]
  }
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 16777619)
  return hash
}

function isTopic(route: CompiledRoute, bytes: Uint8Array, start: number, end: number): boolean {
  const own = route.topicBytes
  const length = own.length
  if (length !== end - start) return false
  for (let i = 0; i < length; i++) if (own[i] !== bytes[start + i]) return false
  return true
}

function compileTargets(placed: readonly Placed[], access: Access, topic: string): Target[] {
  const merged = new Map<Session, Subscription[]>()
  const targets: Target[] = []
  for (const subscription of placed) {
    if ('target' in subscription) targets.push(subscription.target)
    else if (!mayReceive(access, subscription, topic)) continue
    else if (subscription.session.overlap === 'each') targets.push(targetOf([subscription]))
    else {
      const of = merged.get(subscription.session)
      if (of === undefined) merged.set(subscription.session, [subscription])
      else of.push(subscription)
    }
  }
  for (const of of merged.values()) targets.push(targetOf(of))
  return targets
}

/** Overlapping subscriptions of one client deliver once, at the highest QoS granted [MQTT-3.3.5-1], with every identifier. */
export function targetOf(subscriptions: readonly Subscription[]): Target {
  const identifiers = subscriptions.map(s => s.identifier).filter(id => id !== undefined)
  return {
    recipient: subscriptions[0].session,
    qos: Math.max(...subscriptions.map(s => s.qos)) as Qos,
    qosAtLeast: Math.max(...subscriptions.map(s => s.qosAtLeast)) as Qos,
    noLocal: subscriptions.every(s => s.noLocal),
    retainAsPublished: subscriptions.some(s => s.retainAsPublished),
    identifiers: identifiers.length > 0 ? identifiers : undefined,
  }
}

/** The QoS of a delivery: the lower of the publish's and the subscription's, but at least what it asks for. */
export function effectiveQos(published: Qos, target: Target): Qos {
  return Math.max(Math.min(published, target.qos), target.qosAtLeast) as Qos
}
