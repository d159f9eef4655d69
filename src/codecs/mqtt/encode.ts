/** A value into one whole packet. */

import { encodeAcknowledgement } from './acknowledgement.ts'
import { encodeConnack } from './connack.ts'
import { encodeAuth, encodeDisconnect } from './disconnect.ts'
import { encodeConnect } from './encode-connect.ts'
import { headerOf } from './flags.ts'
import type { MqttVersion, Packet } from './packet.ts'
import { encodePublish } from './publish.ts'
import { encodeSuback } from './suback.ts'
import { encodeSubscribe, encodeUnsubscribe } from './subscribe.ts'
import { PacketWriter } from './writer.ts'

/**
 * The bytes of a packet, in one allocation of exactly its size. A CONNECT is written in its own `protocolVersion`. What
 * MQTT 3 has no field for (properties, most reason codes, subscription options) is left out there.
 * Throws `encode-range` for every value that the version cannot carry or that a strict peer would refuse.
 */
export function encodePacket(packet: Packet, version: MqttVersion): Uint8Array {
  switch (packet.type) {
    case 'connect':
      return encodeConnect(packet)
    case 'connack':
      return encodeConnack(packet, version)
    case 'publish':
      return encodePublish(packet, version)
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return encodeAcknowledgement(packet, version)
    case 'subscribe':
      return encodeSubscribe(packet, version)
    case 'unsubscribe':
      return encodeUnsubscribe(packet, version)
    case 'suback':
    case 'unsuback':
      return encodeSuback(packet, version)
    case 'pingreq':
    case 'pingresp':
      return PacketWriter.packet(headerOf(packet.type), 0).finish()
    case 'disconnect':
      return encodeDisconnect(packet, version)
    case 'auth':
      return encodeAuth(packet, version)
  }
}
