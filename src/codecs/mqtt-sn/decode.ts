import { GatewayError } from '#base/errors.ts'
import { FLAG, qosOf, TOPIC_TYPE } from './flags.ts'
import { MSG_TYPE, type SnPacket, type SnPacketType, type TopicReference, type TopicSelection, type WillTopicPacket } from './packet.ts'
import { Reader } from './reader.ts'

const TYPES = new Map(Object.entries(MSG_TYPE).map(([type, code]) => [code, type as SnPacketType]))

/**
 * Decodes one datagram, which holds exactly one packet (`MQTT-SN 1.2 §5.2`). Payloads and addresses are views into it.
 * @throws GatewayError `decode-malformed` with the offset, also for a length that is not the datagram's;
 * `decode-unsupported` for a message type that the specification reserves
 */
export function decodePacket(bytes: Uint8Array): SnPacket {
  const reader = new Reader(bytes, 0)
  const length = readLength(reader)
  const code = reader.byte()
  const type = TYPES.get(code)
  if (type === undefined)
    throw new GatewayError('decode-unsupported', `message type 0x${code.toString(16)} is reserved`, { offset: reader.at - 1 })
  if (type === 'forwarded') return readForwarded(reader, length)
  if (length !== bytes.length) {
    throw new GatewayError('decode-malformed', `a length of ${length} in a datagram of ${bytes.length} bytes`, { offset: 0 })
  }
  const packet = READERS[type](reader, type)
  reader.end()
  return packet
}

/** One octet, or 0x01 and two (`§5.2.1`). */
function readLength(reader: Reader): number {
  const first = reader.byte()
  return first === 1 ? reader.word() : first
}

/** The length counts to the end of the wireless node id; the packet itself comes after it (`§5.5`). */
function readForwarded(reader: Reader, length: number): SnPacket {
  const radius = reader.byte() & 3
  const all = reader.rest()
  const nodeIdBytes = length - 3
  if (nodeIdBytes < 0 || nodeIdBytes > all.length) reader.fail('the envelope is longer than the datagram')
  return { type: 'forwarded', radius, nodeId: all.subarray(0, nodeIdBytes), message: all.subarray(nodeIdBytes) }
}

type ReadPacket = (reader: Reader, type: SnPacketType) => SnPacket

const empty: ReadPacket = (_reader, type) => ({ type }) as SnPacket
const msgId: ReadPacket = (reader, type) => ({ type, msgId: reader.word() }) as SnPacket
const returnCode: ReadPacket = (reader, type) => ({ type, returnCode: reader.byte() }) as SnPacket
const willMessage: ReadPacket = (reader, type) => ({ type, payload: reader.rest() }) as SnPacket
const topicAnswer: ReadPacket = (reader, type) =>
  ({ type, topicId: reader.word(), msgId: reader.word(), returnCode: reader.byte() }) as SnPacket

const READERS: Readonly<Record<SnPacketType, ReadPacket>> = {
  advertise: reader => ({ type: 'advertise', gatewayId: reader.byte(), durationSeconds: reader.word() }),
  searchgw: reader => ({ type: 'searchgw', radius: reader.byte() }),
  gwinfo: reader => ({ type: 'gwinfo', gatewayId: reader.byte(), gatewayAddress: reader.rest() }),
  connect: readConnect,
  connack: returnCode,
  willtopicreq: empty,
  willtopic: readWillTopic,
  willmsgreq: empty,
  willmsg: willMessage,
  register: reader => ({ type: 'register', topicId: reader.word(), msgId: reader.word(), topicName: reader.text() }),
  regack: topicAnswer,
  publish: readPublish,
  puback: topicAnswer,
  pubcomp: msgId,
  pubrec: msgId,
  pubrel: msgId,
  subscribe: readSubscribe,
  suback: reader => {
    const qos = qosOf(reader.byte())
    return { type: 'suback', qos, topicId: reader.word(), msgId: reader.word(), returnCode: reader.byte() }
  },
  unsubscribe: reader => {
    const flags = reader.byte()
    return { type: 'unsubscribe', msgId: reader.word(), topic: readSelection(reader, flags) }
  },
  unsuback: msgId,
  pingreq: reader => ({ type: 'pingreq', clientId: reader.text() }),
  pingresp: empty,
  disconnect: reader => ({ type: 'disconnect', durationSeconds: reader.remaining === 0 ? undefined : reader.word() }),
  willtopicupd: readWillTopic,
  willtopicresp: returnCode,
  willmsgupd: willMessage,
  willmsgresp: returnCode,
  forwarded: reader => reader.fail('an envelope within a packet'),
}

function readConnect(reader: Reader): SnPacket {
  const flags = reader.byte()
  return {
    type: 'connect',
    will: (flags & FLAG.will) !== 0,
    cleanSession: (flags & FLAG.cleanSession) !== 0,
    protocolId: reader.byte(),
    durationSeconds: reader.word(),
    clientId: reader.text(),
  }
}

/** Without flags and topic it deletes the will (`§5.4.7, §5.4.24`); an empty topic behind flags can mean nothing else. */
function readWillTopic(reader: Reader, type: SnPacketType): SnPacket {
  const flags = reader.remaining === 0 ? 0 : reader.byte()
  const topic = reader.text()
  if (topic === '') return { type: type as WillTopicPacket['type'], qos: 0, retain: false, topic }
  return { type: type as WillTopicPacket['type'], qos: qosOf(flags), retain: (flags & FLAG.retain) !== 0, topic }
}

function readPublish(reader: Reader): SnPacket {
  const flags = reader.byte()
  return {
    type: 'publish',
    dup: (flags & FLAG.dup) !== 0,
    qos: qosOf(flags),
    retain: (flags & FLAG.retain) !== 0,
    topic: readReference(reader, flags),
    msgId: reader.word(),
    payload: reader.rest(),
  }
}

function readReference(reader: Reader, flags: number): TopicReference {
  const kind = flags & 3
  if (kind === TOPIC_TYPE.short) return { kind: 'short', name: reader.fixedText(2) }
  return { kind: kind === TOPIC_TYPE.normal ? 'normal' : kind === TOPIC_TYPE.predefined ? 'predefined' : 'reserved', id: reader.word() }
}

function readSubscribe(reader: Reader): SnPacket {
  const flags = reader.byte()
  const dup = (flags & FLAG.dup) !== 0
  return { type: 'subscribe', dup, qos: qosOf(flags), msgId: reader.word(), topic: readSelection(reader, flags) }
}

function readSelection(reader: Reader, flags: number): TopicSelection {
  const kind = flags & 3
  if (kind === TOPIC_TYPE.normal) return { kind: 'name', name: reader.text() }
  if (kind === TOPIC_TYPE.short) return { kind: 'short', name: reader.fixedText(2) }
  return { kind: kind === TOPIC_TYPE.predefined ? 'predefined' : 'reserved', id: reader.word() }
}
