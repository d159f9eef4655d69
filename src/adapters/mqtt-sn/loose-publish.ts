/** QoS −1: publishes of those who have not connected (`MQTT-SN 1.2 §6.8`). */
import type { PublishRate } from '#base/publish-rate.ts'
import type { Client, Identity } from '#broker/ports.ts'
import type { PublishPacket } from '#codecs/mqtt-sn/index.ts'
import type { SnContext } from './context.ts'
import { rateOf } from './node.ts'
import type { Nodes } from './nodes.ts'
import { type Peer, showPeer } from './peer.ts'
import { messageOf } from './publish.ts'
import { filterMatches } from './topic-filter.ts'

/** Senders that are clients of the broker for a while; when there are too many, the longest silent goes. */
const SENDERS_MAX = 1024
const SENDER_IDLE_MS = 300_000

interface Sender {
  /** Undefined while access decides: what comes meanwhile is lost, as it may be at this QoS. */
  client: Client | undefined
  lastUsedMs: number
  readonly rate: PublishRate | undefined
}

export class LoosePublish {
  readonly #context: SnContext
  readonly #nodes: Nodes
  /** In the order of their last use. */
  readonly #senders = new Map<string, Sender>()

  constructor(context: SnContext, nodes: Nodes) {
    this.#context = context
    this.#nodes = nodes
  }

  /** By whoever; one that is connected publishes as the client that it is. */
  take(peer: Peer, packet: PublishPacket): void {
    const { counters, mountpoint, broker } = this.#context
    const name = this.#topicOf(peer, packet)
    const route = name === undefined ? undefined : broker.route(mountpoint.topic(name))
    if (route === undefined || broker.congested || packet.payload.length > this.#context.payloadBytesMax) {
      counters.qosMinusOneRefused++
      return
    }
    const { client, rate } = this.#nodes.at(peer) ?? this.#senderAt(peer)
    const refused = client === undefined || rate?.spent || client.publish(route, messageOf(packet, route.topic)) < 0
    if (refused) {
      counters.qosMinusOneRefused++
      return
    }
    rate?.took(packet.payload.length)
    counters.qosMinusOne++
  }

  /** Ends who was silent for long. */
  supervise(): void {
    const beforeMs = this.#context.clock.monotonic() - SENDER_IDLE_MS
    for (const [key, sender] of this.#senders) {
      if (sender.lastUsedMs > beforeMs) return
      this.#end(key, sender)
    }
  }

  close(): void {
    for (const [key, sender] of this.#senders) this.#end(key, sender)
  }

  /** Undefined: not named so that anybody could know it, or not allowed at this QoS. */
  #topicOf(peer: Peer, { topic }: PublishPacket): string | undefined {
    const { config, predefined } = this.#context
    if (!config.qos_minus_one) return undefined
    let name: string | undefined
    if (topic.kind === 'short') name = topic.name
    else if (topic.kind === 'predefined') name = this.#nodes.at(peer)?.predefined.nameOf(topic.id) ?? predefined.shared(topic.id)
    if (name === undefined) return undefined
    return config.qos_minus_one_topics.some(filter => filterMatches(filter, name)) ? name : undefined
  }

  #senderAt(peer: Peer): Sender {
    const known = this.#senders.get(peer.key)
    const sender = known ?? { client: undefined, lastUsedMs: 0, rate: rateOf(this.#context) }
    sender.lastUsedMs = this.#context.clock.monotonic()
    this.#senders.delete(peer.key)
    if (known === undefined && this.#senders.size >= SENDERS_MAX) this.#endOldest()
    this.#senders.set(peer.key, sender)
    if (known === undefined) this.#admit(peer, sender)
    return sender
  }

  #endOldest(): void {
    for (const [key, sender] of this.#senders) return this.#end(key, sender)
  }

  #admit(peer: Peer, sender: Sender): void {
    const refused = () => void this.#senders.delete(peer.key)
    let outcome: Identity | Promise<Identity>
    try {
      outcome = this.#context.admit(`mqtt-sn:${showPeer(peer)}`, peer)
    } catch {
      return refused()
    }
    if (outcome instanceof Promise) outcome.then(identity => this.#attach(peer, sender, identity), refused)
    else this.#attach(peer, sender, outcome)
  }

  #attach(peer: Peer, sender: Sender, identity: Identity): void {
    const { broker, listener, limits } = this.#context
    const key = peer.key
    if (this.#senders.get(key) !== sender) return
    try {
      const { client } = broker.attach({
        // Names with $ are the gateway's to give: `admit` takes none from a device.
        identity: { ...identity, clientId: `$mqtt-sn:${showPeer(peer)}` },
        sink: { ...NO_DELIVERIES, close: () => void this.#senders.delete(key) },
        protocol: 'mqtt-sn',
        listener,
        peer: showPeer(peer),
        cleanStart: true,
        sessionExpiryMs: 0,
        limits,
      })
      sender.client = client
      client.setState('unconnected')
      client.resume()
    } catch {
      this.#senders.delete(key)
    }
  }

  #end(key: string, sender: Sender): void {
    this.#senders.delete(key)
    sender.client?.detach(true, 0)
  }
}

/** Nobody subscribes without a connection. */
const NO_DELIVERIES = { congested: false, send: () => {}, sendRun: () => false, deliver: () => {}, release: () => {} }
