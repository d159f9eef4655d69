/** The flags in the low four bits of the first byte (MQTT 5 §2.1.3). */

import { malformed } from './fault.ts'
import { type MqttVersion, PACKET_TYPES, type PacketType } from './packet.ts'

/** The first byte of every packet type but PUBLISH, whose flags are its own. */
export function headerOf(type: Exclude<PacketType, 'publish'>): number {
  const flags = type === 'pubrel' || type === 'subscribe' || type === 'unsubscribe' ? 2 : 0
  return (PACKET_TYPES[type] << 4) | flags
}

/**
 * Throws a decode error when the reserved flags of a packet other than PUBLISH are not as they must be [MQTT-2.1.3-1].
 * MQTT 3.1 (§2.1) sends the three packets with flags 2 at QoS 1, sets DUP when it repeats them, and calls all other bits
 * unused, so there only the QoS of those three counts.
 */
export function checkFlags(header: number, type: Exclude<PacketType, 'publish'>, version: MqttVersion): void {
  const expected = headerOf(type)
  if (header === expected) return
  if (version === 3 && ((expected & 2) === 0 || (header & 6) === 2)) return
  // [MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1]
  malformed(`the flags of a ${type.toUpperCase()} are ${header & 15}, not ${expected & 15}`, 0)
}
