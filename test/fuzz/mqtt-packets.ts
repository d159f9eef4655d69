/** Valid packets at random, from a seed. */

import type { MqttVersion, Packet, PacketType, Properties, PropertyOwner, QoS, Will } from '#codecs/mqtt/index.ts'
import { OWNERS } from '../vectors/mqtt/properties.ts'

/** Numbers from 0 to below 1 that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

const TEXTS = ['', 'a', 'temp', 'é', '日本', '\u{1F600}', '\uFEFF', 'a b', 'x'.repeat(127), 'y'.repeat(128), 'z'.repeat(300)]
const LEVELS = ['', 'a', 'sensors', 'ü', '$SYS', '日本', ' ']
const CONNACK_5 = [0x80, 0x81, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x95, 0x97, 0x9c, 0x9f]
const ACK_5 = [0, 0x10, 0x80, 0x87, 0x97]
const DISCONNECT_5 = [0, 0x04, 0x81, 0x82, 0x8b, 0x8d, 0x8e, 0x93, 0x9c]

/** The packet types of a version. */
export function typesOf(version: MqttVersion): PacketType[] {
  const types: PacketType[] = ['connect', 'connack', 'publish', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'subscribe', 'suback']
  types.push('unsubscribe', 'unsuback', 'pingreq', 'pingresp', 'disconnect')
  return version === 5 ? [...types, 'auth'] : types
}

export class PacketGenerator {
  readonly random: () => number

  constructor(seed: number) {
    this.random = seededRandom(seed)
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  chance(): boolean {
    return this.random() < 0.5
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }

  bytes(): Buffer {
    return Buffer.from(Array.from({ length: this.below(this.pick([4, 40, 300])) }, () => this.below(256)))
  }

  packet(type: PacketType, version: MqttVersion): Packet {
    const packetId = 1 + this.below(65535)
    switch (type) {
      case 'connect':
        return this.connect(version)
      case 'connack': {
        const refused = this.chance()
        const reasonCode = refused ? (version === 5 ? this.pick(CONNACK_5) : 1 + this.below(5)) : 0
        return { type, sessionPresent: version !== 3 && !refused && this.chance(), reasonCode, ...this.with(version, type) }
      }
      case 'publish':
        return this.publish(version, packetId)
      case 'puback':
      case 'pubrec':
        return { type, packetId, reasonCode: version === 5 ? this.pick(ACK_5) : 0, ...this.with(version, type) }
      case 'pubrel':
      case 'pubcomp':
        return { type, packetId, reasonCode: version === 5 && this.chance() ? 0x92 : 0, ...this.with(version, type) }
      case 'subscribe':
        return { type, packetId, subscriptions: this.some(() => this.subscription(version)), ...this.with(version, type) }
      case 'unsubscribe':
        return { type, packetId, filters: this.some(() => this.filter()), ...this.with(version, type) }
      case 'suback':
        return {
          type,
          packetId,
          reasonCodes: this.some(() => this.pick(version === 5 ? [0, 1, 2, 0x80, 0x87, 0x9e] : [0, 1, 2, 0x80])),
          ...this.with(version, type),
        }
      case 'unsuback':
        return {
          type,
          packetId,
          reasonCodes: version === 5 ? this.some(() => this.pick([0, 0x11, 0x80])) : [],
          ...this.with(version, type),
        }
      case 'pingreq':
      case 'pingresp':
        return { type }
      case 'disconnect':
        return { type, reasonCode: version === 5 ? this.pick(DISCONNECT_5) : 0, ...this.with(version, type) }
      case 'auth':
        return { type, reasonCode: this.pick([0, 0x18, 0x19]), properties: { authenticationMethod: 'm', ...this.properties(type) } }
    }
  }

  private connect(version: MqttVersion): Packet {
    const packet: Packet = {
      type: 'connect',
      protocolVersion: version,
      clientId: this.pick(['c', 'device-7', 'ü']) + this.below(1000),
      cleanStart: this.chance(),
      keepAlive: this.below(65536),
      ...this.with(version, 'connect'),
    }
    if (this.chance()) packet.will = this.will(version)
    if (this.chance()) packet.username = this.pick(TEXTS)
    if (this.chance() && (version === 5 || packet.username !== undefined)) packet.password = this.bytes()
    if (version !== 5 && this.chance()) packet.bridge = true
    return packet
  }

  private will(version: MqttVersion): Will {
    return { topic: this.topic(), payload: this.bytes(), qos: this.qos(), retain: this.chance(), ...this.with(version, 'will') }
  }

  private publish(version: MqttVersion, packetId: number): Packet {
    const qos = this.qos()
    const properties = this.with(version, 'publish')
    const topic = properties.properties?.topicAlias !== undefined && this.chance() ? '' : this.topic()
    const packet: Packet = { type: 'publish', topic, payload: this.bytes(), qos, retain: this.chance(), dup: qos > 0 && this.chance() }
    return qos > 0 ? { ...packet, packetId, ...properties } : { ...packet, ...properties }
  }

  private subscription(version: MqttVersion) {
    const filter = this.filter()
    const plain = { filter, qos: this.qos(), noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
    if (version !== 5) return plain
    const noLocal = !filter.startsWith('$share/') && this.chance()
    return { ...plain, noLocal, retainAsPublished: this.chance(), retainHandling: this.below(3) as 0 | 1 | 2 }
  }

  private some<T>(make: () => T): T[] {
    return Array.from({ length: 1 + this.below(4) }, make)
  }

  private qos(): QoS {
    return this.below(3) as QoS
  }

  private topic(): string {
    return `${this.pick(LEVELS)}/${this.pick(LEVELS)}${this.chance() ? `/${this.pick(TEXTS)}` : ''}`
  }

  private filter(): string {
    const filter = this.pick(['#', '+', '+/#', `+/${this.topic()}`, `${this.topic()}/#`, this.topic()])
    return this.random() < 0.2 ? `$share/group/${filter}` : filter
  }

  private with(version: MqttVersion, owner: PropertyOwner): { properties?: Properties } {
    if (version !== 5 || this.chance()) return {}
    const properties = this.properties(owner)
    return Object.keys(properties).length > 0 ? { properties } : {}
  }

  /** Some of the properties that `owner` may carry; equal names among the user properties stand together. */
  properties(owner: PropertyOwner): Properties {
    const properties: Properties = {}
    for (const id of OWNERS[owner].ids.split(' ')) {
      if (this.chance()) Object.assign(properties, this.property(id, owner))
    }
    if (properties.authenticationData !== undefined) properties.authenticationMethod ??= 'm'
    return properties
  }

  private property(id: string, owner: PropertyOwner): Properties {
    const uint32 = this.pick([0, 1, 0x7fffffff, 0xffffffff])
    const uint16 = this.pick([1, 255, 256, 65535])
    switch (id) {
      case '01':
        return { payloadFormatIndicator: this.below(2) as 0 | 1 }
      case '02':
        return { messageExpiryInterval: uint32 }
      case '03':
        return { contentType: this.pick(TEXTS) }
      case '08':
        return { responseTopic: this.topic() }
      case '09':
        return { correlationData: this.bytes() }
      case '0b': {
        const identifier = this.pick([1, 127, 128, 16383, 16384, 2097151, 2097152, 268435455])
        return { subscriptionIdentifier: owner === 'publish' && this.chance() ? [identifier, 3] : [identifier] }
      }
      case '11':
        return { sessionExpiryInterval: uint32 }
      case '12':
        return { assignedClientIdentifier: this.pick(TEXTS) }
      case '13':
        return { serverKeepAlive: uint16 }
      case '15':
        return { authenticationMethod: this.pick(TEXTS) }
      case '16':
        return { authenticationData: this.bytes() }
      case '17':
        return { requestProblemInformation: this.chance() }
      case '18':
        return { willDelayInterval: uint32 }
      case '19':
        return { requestResponseInformation: this.chance() }
      case '1a':
        return { responseInformation: this.pick(TEXTS) }
      case '1c':
        return { serverReference: this.pick(TEXTS) }
      case '1f':
        return { reasonString: this.pick(TEXTS) }
      case '21':
        return { receiveMaximum: uint16 }
      case '22':
        return { topicAliasMaximum: uint16 - 1 }
      case '23':
        return { topicAlias: uint16 }
      case '24':
        return { maximumQos: this.below(2) as 0 | 1 }
      case '25':
        return { retainAvailable: this.chance() }
      case '26':
        return {
          userProperties: [
            ['a', this.pick(TEXTS)],
            ['a', this.pick(TEXTS)],
            ['ü', this.pick(TEXTS)],
          ],
        }
      case '27':
        return { maximumPacketSize: Math.max(1, uint32) }
      case '28':
        return { wildcardSubscriptionAvailable: this.chance() }
      case '29':
        return { subscriptionIdentifiersAvailable: this.chance() }
      default:
        return { sharedSubscriptionAvailable: this.chance() }
    }
  }
}
