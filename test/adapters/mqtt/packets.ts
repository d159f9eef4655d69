import type { Packet } from '#codecs/mqtt/index.ts'

export type Qos = 0 | 1 | 2

export function publish(topic: string, text: string, qos: Qos, packetId?: number, retain = false): Packet {
  return { type: 'publish', topic, payload: Buffer.from(text), qos, retain, dup: false, ...(packetId !== undefined && { packetId }) }
}

export const types = (packets: Packet[]) => packets.map(packet => packet.type)

/** The payloads of the publishes among packets. */
export const texts = (packets: Packet[]) =>
  packets.flatMap(packet => (packet.type === 'publish' ? [Buffer.from(packet.payload).toString()] : []))

/** Acknowledgements for all QoS 1 publishes among packets. */
export const pubacks = (packets: Packet[]): Packet[] =>
  packets.flatMap(packet =>
    packet.type === 'publish' && packet.qos === 1 ? [{ type: 'puback', packetId: packet.packetId!, reasonCode: 0 } as const] : [],
  )

export const persistent = { cleanStart: false }
export const DISCONNECT: Packet = { type: 'disconnect', reasonCode: 0 }
