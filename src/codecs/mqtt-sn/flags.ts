/** The Flags octet (`MQTT-SN 1.2 §5.3.4`). */
import type { SnQos } from './packet.ts'

export const FLAG = { dup: 0x80, retain: 0x10, will: 0x08, cleanSession: 0x04 } as const

/** The two bits that say how a topic is named: a normal id (in SUBSCRIBE: a name), a predefined id, a short name. */
export const TOPIC_TYPE = { normal: 0, predefined: 1, short: 2, reserved: 3 } as const

export function qosOf(flags: number): SnQos {
  const bits = (flags >> 5) & 3
  return bits === 3 ? -1 : (bits as SnQos)
}

export function qosFlags(qos: SnQos): number {
  return (qos & 3) << 5
}
