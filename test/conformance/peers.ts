/** Clients of both versions, so that one test shows a rule that they share. */
import type { ConnectPacket, Packet, Properties, Subscription } from '#codecs/mqtt/index.ts'
import type { MqttHarness, MqttPeer } from '../support/mqtt-harness.ts'

export type Version = 4 | 5
export const BOTH: readonly Version[] = [4, 5]

/** Lasts beyond its connection, in either version. */
export function lasting(version: Version, more: Partial<ConnectPacket> = {}): Partial<ConnectPacket> {
  const { properties, ...rest } = more
  return {
    protocolVersion: version,
    cleanStart: false,
    ...(version === 5 && { properties: { sessionExpiryInterval: 1000, ...properties } }),
    ...rest,
  }
}

/** A client that is in; its CONNACK has been taken. */
export async function client(harness: MqttHarness, id: string, version: Version, more: Partial<ConnectPacket> = {}): Promise<MqttPeer> {
  const peer = await harness.connect(id, { protocolVersion: version, ...more })
  await peer.take()
  return peer
}

export async function lastingClient(
  harness: MqttHarness,
  id: string,
  version: Version,
  more: Partial<ConnectPacket> = {},
): Promise<MqttPeer> {
  return client(harness, id, version, lasting(version, more))
}

/** An MQTT 5 client with these CONNECT properties. */
export async function five(harness: MqttHarness, id: string, properties: Properties = {}): Promise<MqttPeer> {
  return client(harness, id, 5, { properties })
}

export type Delivery = Extract<Packet, { type: 'publish' }>

export function deliveries(packets: readonly Packet[]): Delivery[] {
  return packets.filter(packet => packet.type === 'publish')
}

/** The first packet of a type; fails the test by throwing when there is none. */
export function only<T extends Packet['type']>(packets: readonly Packet[], type: T): Extract<Packet, { type: T }> {
  const found = packets.filter(packet => packet.type === type)
  if (found.length !== 1) throw new Error(`${found.length} ${type} among ${packets.map(packet => packet.type)}`)
  return found[0] as Extract<Packet, { type: T }>
}

export function subscribe(packetId: number, ...subscriptions: (Partial<Subscription> & { filter: string })[]): Packet {
  const defaults = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  return { type: 'subscribe', packetId, subscriptions: subscriptions.map(one => ({ ...defaults, ...one })) }
}

export function message(
  topic: string,
  text: string,
  properties: Properties,
  qos: 0 | 1 | 2 = 0,
  packetId?: number,
  retain = false,
): Packet {
  return {
    type: 'publish',
    topic,
    payload: Buffer.from(text),
    qos,
    retain,
    dup: false,
    properties,
    ...(packetId !== undefined && { packetId }),
  }
}

export const pingreq: Packet = { type: 'pingreq' }
