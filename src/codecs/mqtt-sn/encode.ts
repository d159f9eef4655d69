import { GatewayError } from '#base/errors.ts'
import { FLAG, qosFlags, TOPIC_TYPE } from './flags.ts'
import { MSG_TYPE, type SnPacket, type TopicReference, type TopicSelection, type WillTopicPacket } from './packet.ts'

/** What a packet can be at most with its length in two octets (`MQTT-SN 1.2 §5.2.1`). */
const PACKET_BYTES_MAX = 0xffff
/** The longest wireless node id: the envelope has a length of one octet. */
const NODE_ID_BYTES_MAX = 252

const NOTHING = new Uint8Array(0)

/**
 * Encodes one packet: with a length of one octet where it fits, else of three.
 * @throws GatewayError `encode-range` for a packet over 65,535 bytes, a short name that is not two octets, or a wireless
 * node id over 252 bytes
 */
export function encodePacket(packet: SnPacket): Uint8Array {
  if (packet.type === 'forwarded') return encodeForwarded(packet.radius, packet.nodeId, packet.message)
  const { fixed, rest } = fieldsOf(packet)
  const body = fixed.length + rest.length
  const long = body + 2 > 255
  const length = body + (long ? 4 : 2)
  if (length > PACKET_BYTES_MAX) throw new GatewayError('encode-range', `an MQTT-SN packet of ${length} bytes`)
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  if (long) {
    bytes[at++] = 1
    bytes[at++] = length >> 8
  }
  bytes[at++] = length & 0xff
  bytes[at++] = MSG_TYPE[packet.type]
  for (const byte of fixed) bytes[at++] = byte
  bytes.set(rest, at)
  return bytes
}

/** Puts an encoded packet into the envelope of a forwarder (`§5.5`). */
export function encodeForwarded(radius: number, nodeId: Uint8Array, message: Uint8Array): Uint8Array {
  if (nodeId.length > NODE_ID_BYTES_MAX) throw new GatewayError('encode-range', `a wireless node id of ${nodeId.length} bytes`)
  const bytes = Buffer.allocUnsafe(3 + nodeId.length + message.length)
  bytes[0] = 3 + nodeId.length
  bytes[1] = MSG_TYPE.forwarded
  bytes[2] = radius & 3
  bytes.set(nodeId, 3)
  bytes.set(message, 3 + nodeId.length)
  return bytes
}

/** Sets DUP in an encoded PUBLISH or SUBSCRIBE, in place: all else in it stays as it is. */
export function markDup(bytes: Uint8Array): void {
  const flagsAt = bytes[0] === 1 ? 4 : 2
  bytes[flagsAt]! |= FLAG.dup
}

interface Fields {
  /** The octets of the fields of fixed length. */
  readonly fixed: readonly number[]
  /** The field of variable length at the end. */
  readonly rest: Uint8Array
}

function fields(fixed: readonly number[], rest: Uint8Array = NOTHING): Fields {
  return { fixed, rest }
}

function fieldsOf(packet: Exclude<SnPacket, { type: 'forwarded' }>): Fields {
  switch (packet.type) {
    case 'advertise':
      return fields([packet.gatewayId, ...word(packet.durationSeconds)])
    case 'searchgw':
      return fields([packet.radius])
    case 'gwinfo':
      return fields([packet.gatewayId], packet.gatewayAddress)
    case 'connect': {
      const flags = (packet.will ? FLAG.will : 0) | (packet.cleanSession ? FLAG.cleanSession : 0)
      return fields([flags, packet.protocolId, ...word(packet.durationSeconds)], Buffer.from(packet.clientId))
    }
    case 'connack':
    case 'willtopicresp':
    case 'willmsgresp':
      return fields([packet.returnCode])
    case 'willtopic':
    case 'willtopicupd':
      return willTopicFields(packet)
    case 'willmsg':
    case 'willmsgupd':
      return fields([], packet.payload)
    case 'willtopicreq':
    case 'willmsgreq':
    case 'pingresp':
      return fields([])
    case 'register':
      return fields([...word(packet.topicId), ...word(packet.msgId)], Buffer.from(packet.topicName))
    case 'regack':
    case 'puback':
      return fields([...word(packet.topicId), ...word(packet.msgId), packet.returnCode])
    case 'publish': {
      const { type, id } = referenceFields(packet.topic)
      const flags = (packet.dup ? FLAG.dup : 0) | qosFlags(packet.qos) | (packet.retain ? FLAG.retain : 0) | type
      return fields([flags, ...word(id), ...word(packet.msgId)], packet.payload)
    }
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
    case 'unsuback':
      return fields(word(packet.msgId))
    case 'subscribe': {
      const { type, rest } = selectionFields(packet.topic)
      return fields([(packet.dup ? FLAG.dup : 0) | qosFlags(packet.qos) | type, ...word(packet.msgId)], rest)
    }
    case 'suback':
      return fields([qosFlags(packet.qos), ...word(packet.topicId), ...word(packet.msgId), packet.returnCode])
    case 'unsubscribe': {
      const { type, rest } = selectionFields(packet.topic)
      return fields([type, ...word(packet.msgId)], rest)
    }
    case 'pingreq':
      return fields([], Buffer.from(packet.clientId))
    case 'disconnect':
      return fields(packet.durationSeconds === undefined ? [] : word(packet.durationSeconds))
  }
}

function willTopicFields({ qos, retain, topic }: WillTopicPacket): Fields {
  if (topic === '') return fields([])
  return fields([qosFlags(qos) | (retain ? FLAG.retain : 0)], Buffer.from(topic))
}

function referenceFields(topic: TopicReference): { type: number; id: number } {
  if (topic.kind === 'short') return { type: TOPIC_TYPE.short, id: shortNameId(topic.name) }
  return { type: TOPIC_TYPE[topic.kind], id: topic.id }
}

/** The two octets of a short name as they stand in the topic id's place. */
export function shortNameId(name: string): number {
  const bytes = Buffer.from(name)
  if (bytes.length !== 2) throw new GatewayError('encode-range', `"${name}" is not a short topic name: it has ${bytes.length} octets`)
  return bytes.readUInt16BE(0)
}

function selectionFields(topic: TopicSelection): { type: number; rest: Uint8Array } {
  if (topic.kind === 'name') return { type: TOPIC_TYPE.normal, rest: Buffer.from(topic.name) }
  if (topic.kind === 'short') return { type: TOPIC_TYPE.short, rest: Uint8Array.from(word(shortNameId(topic.name))) }
  return { type: TOPIC_TYPE[topic.kind], rest: Uint8Array.from(word(topic.id)) }
}

function word(value: number): [number, number] {
  return [(value >> 8) & 0xff, value & 0xff]
}
