/** One whole packet into a value. */

import { decodeAcknowledgement } from './acknowledgement.ts'
import { decodeConnack } from './connack.ts'
import { decodeConnect } from './decode-connect.ts'
import { decodeAuth, decodeDisconnect } from './disconnect.ts'
import { malformed } from './fault.ts'
import { checkFlags } from './flags.ts'
import { type MqttVersion, PACKET_TYPES, type Packet } from './packet.ts'
import { decodePublish } from './publish.ts'
import { PacketReader } from './reader.ts'
import { decodeSuback } from './suback.ts'
import { decodeSubscribe, decodeUnsubscribe } from './subscribe.ts'

/**
 * The packet that fills `start` to `end` of `bytes` exactly (`frameLength` tells where it ends). A CONNECT says its
 * version itself, whatever `version` is. Payloads and binary data are views of `bytes`: copy what must outlive it.
 * `properties` is absent when the packet has none.
 * Throws `decode-malformed` with the MQTT 5 reason code in `reason` and the byte's offset in the packet in `offset`.
 */
export function decodePacket(bytes: Uint8Array, start: number, end: number, version: MqttVersion): Packet {
  const type = bytes[start] >>> 4
  if (type === PACKET_TYPES.publish) return decodePublish(bytes, start, end, version)
  if (type === PACKET_TYPES.connect) return decodeConnect(bytes, start, end)
  const reader = new PacketReader(bytes, start, end, version)
  const packet = decodeBody(type, reader, version)
  reader.finish()
  return packet
}

function decodeBody(type: number, reader: PacketReader, version: MqttVersion): Packet {
  switch (type) {
    case PACKET_TYPES.connack:
      return decodeConnack(reader, version)
    case PACKET_TYPES.puback:
      return decodeAcknowledgement('puback', reader, version)
    case PACKET_TYPES.pubrec:
      return decodeAcknowledgement('pubrec', reader, version)
    case PACKET_TYPES.pubrel:
      return decodeAcknowledgement('pubrel', reader, version)
    case PACKET_TYPES.pubcomp:
      return decodeAcknowledgement('pubcomp', reader, version)
    case PACKET_TYPES.subscribe:
      return decodeSubscribe(reader, version)
    case PACKET_TYPES.suback:
      return decodeSuback('suback', reader, version)
    case PACKET_TYPES.unsubscribe:
      return decodeUnsubscribe(reader, version)
    case PACKET_TYPES.unsuback:
      return decodeSuback('unsuback', reader, version)
    case PACKET_TYPES.pingreq:
      checkFlags(reader.header, 'pingreq', version)
      return { type: 'pingreq' }
    case PACKET_TYPES.pingresp:
      checkFlags(reader.header, 'pingresp', version)
      return { type: 'pingresp' }
    case PACKET_TYPES.disconnect:
      return decodeDisconnect(reader, version)
    case PACKET_TYPES.auth:
      return decodeAuth(reader, version)
    default:
      return malformed('packet type 0 is reserved', 0)
  }
}
