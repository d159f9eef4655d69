/** One or more packets of every type of MQTT-SN 1.2 §5.4, laid out by hand from the specification's figures. */
import type { SnPacket } from '#codecs/mqtt-sn/index.ts'

export interface PacketVector {
  name: string
  hex: string
  packet: SnPacket
}

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const text = (value: string) => new Uint8Array(Buffer.from(value))

export const PACKETS: readonly PacketVector[] = [
  { name: 'ADVERTISE', hex: '0500070384', packet: { type: 'advertise', gatewayId: 7, durationSeconds: 900 } },
  { name: 'SEARCHGW', hex: '030102', packet: { type: 'searchgw', radius: 2 } },
  { name: 'GWINFO of a gateway', hex: '030207', packet: { type: 'gwinfo', gatewayId: 7, gatewayAddress: bytes('') } },
  { name: 'GWINFO of a client', hex: '0702070a000001', packet: { type: 'gwinfo', gatewayId: 7, gatewayAddress: bytes('0a000001') } },
  {
    name: 'CONNECT with clean session',
    hex: '0a0404010384' + '6e6f6465',
    packet: { type: 'connect', will: false, cleanSession: true, protocolId: 1, durationSeconds: 900, clientId: 'node' },
  },
  {
    name: 'CONNECT with will',
    hex: '0a040801003c' + '6e6f6465',
    packet: { type: 'connect', will: true, cleanSession: false, protocolId: 1, durationSeconds: 60, clientId: 'node' },
  },
  { name: 'CONNACK', hex: '030500', packet: { type: 'connack', returnCode: 0 } },
  { name: 'CONNACK, congestion', hex: '030501', packet: { type: 'connack', returnCode: 1 } },
  { name: 'WILLTOPICREQ', hex: '0206', packet: { type: 'willtopicreq' } },
  { name: 'WILLTOPIC, retained at QoS 1', hex: '070730' + '612f7769', packet: { type: 'willtopic', qos: 1, retain: true, topic: 'a/wi' } },
  { name: 'WILLTOPIC, empty', hex: '0207', packet: { type: 'willtopic', qos: 0, retain: false, topic: '' } },
  { name: 'WILLMSGREQ', hex: '0208', packet: { type: 'willmsgreq' } },
  { name: 'WILLMSG', hex: '0609' + '676f6e65', packet: { type: 'willmsg', payload: text('gone') } },
  { name: 'REGISTER', hex: '090a00000001' + '612f62', packet: { type: 'register', topicId: 0, msgId: 1, topicName: 'a/b' } },
  { name: 'REGACK', hex: '070b0102000100', packet: { type: 'regack', topicId: 0x102, msgId: 1, returnCode: 0 } },
  {
    name: 'PUBLISH, QoS 0, normal id',
    hex: '090c0001020000' + '6869',
    packet: { type: 'publish', dup: false, qos: 0, retain: false, topic: { kind: 'normal', id: 0x102 }, msgId: 0, payload: text('hi') },
  },
  {
    name: 'PUBLISH, QoS 1, DUP, retained, predefined id',
    hex: '090cb10009000a' + '6869',
    packet: { type: 'publish', dup: true, qos: 1, retain: true, topic: { kind: 'predefined', id: 9 }, msgId: 10, payload: text('hi') },
  },
  {
    name: 'PUBLISH, QoS 2, short name',
    hex: '090c426162000b' + '6869',
    packet: { type: 'publish', dup: false, qos: 2, retain: false, topic: { kind: 'short', name: 'ab' }, msgId: 11, payload: text('hi') },
  },
  {
    name: 'PUBLISH, QoS −1, predefined id',
    hex: '080c6100090000' + '21',
    packet: { type: 'publish', dup: false, qos: -1, retain: false, topic: { kind: 'predefined', id: 9 }, msgId: 0, payload: text('!') },
  },
  {
    name: 'PUBLISH of the reserved topic id type',
    hex: '070c0300090000',
    packet: { type: 'publish', dup: false, qos: 0, retain: false, topic: { kind: 'reserved', id: 9 }, msgId: 0, payload: text('') },
  },
  { name: 'PUBACK, invalid topic id', hex: '070d0102000a02', packet: { type: 'puback', topicId: 0x102, msgId: 10, returnCode: 2 } },
  { name: 'PUBREC', hex: '040f000b', packet: { type: 'pubrec', msgId: 11 } },
  { name: 'PUBREL', hex: '0410000b', packet: { type: 'pubrel', msgId: 11 } },
  { name: 'PUBCOMP', hex: '040e000b', packet: { type: 'pubcomp', msgId: 11 } },
  {
    name: 'SUBSCRIBE by name',
    hex: '08122000' + '0c612f2b',
    packet: { type: 'subscribe', dup: false, qos: 1, msgId: 12, topic: { kind: 'name', name: 'a/+' } },
  },
  {
    name: 'SUBSCRIBE by predefined id, DUP',
    hex: '0712c1000c0009',
    packet: { type: 'subscribe', dup: true, qos: 2, msgId: 12, topic: { kind: 'predefined', id: 9 } },
  },
  {
    name: 'SUBSCRIBE by short name',
    hex: '071202000c6162',
    packet: { type: 'subscribe', dup: false, qos: 0, msgId: 12, topic: { kind: 'short', name: 'ab' } },
  },
  { name: 'SUBACK', hex: '0813200102000c00', packet: { type: 'suback', qos: 1, topicId: 0x102, msgId: 12, returnCode: 0 } },
  {
    name: 'UNSUBSCRIBE by name',
    hex: '081400000d' + '612f2b',
    packet: { type: 'unsubscribe', msgId: 13, topic: { kind: 'name', name: 'a/+' } },
  },
  {
    name: 'UNSUBSCRIBE by predefined id',
    hex: '071401000d0009',
    packet: { type: 'unsubscribe', msgId: 13, topic: { kind: 'predefined', id: 9 } },
  },
  { name: 'UNSUBACK', hex: '0415000d', packet: { type: 'unsuback', msgId: 13 } },
  { name: 'PINGREQ', hex: '0216', packet: { type: 'pingreq', clientId: '' } },
  { name: 'PINGREQ of a sleeping client', hex: '0616' + '6e6f6465', packet: { type: 'pingreq', clientId: 'node' } },
  { name: 'PINGRESP', hex: '0217', packet: { type: 'pingresp' } },
  { name: 'DISCONNECT', hex: '0218', packet: { type: 'disconnect', durationSeconds: undefined } },
  { name: 'DISCONNECT to sleep', hex: '04180e10', packet: { type: 'disconnect', durationSeconds: 3600 } },
  { name: 'WILLTOPICUPD', hex: '061a40' + '612f77', packet: { type: 'willtopicupd', qos: 2, retain: false, topic: 'a/w' } },
  { name: 'WILLTOPICUPD, empty', hex: '021a', packet: { type: 'willtopicupd', qos: 0, retain: false, topic: '' } },
  { name: 'WILLTOPICRESP', hex: '031b00', packet: { type: 'willtopicresp', returnCode: 0 } },
  { name: 'WILLMSGUPD', hex: '051c' + '6e6577', packet: { type: 'willmsgupd', payload: text('new') } },
  { name: 'WILLMSGRESP', hex: '031d03', packet: { type: 'willmsgresp', returnCode: 3 } },
  {
    name: 'a PINGREQ in the envelope of a forwarder',
    hex: '05fe020a0b' + '0216',
    packet: { type: 'forwarded', radius: 2, nodeId: bytes('0a0b'), message: bytes('0216') },
  },
  {
    name: 'a PUBLISH whose length takes three octets',
    hex: `0101070c0001020000${'55'.repeat(254)}`,
    packet: {
      type: 'publish',
      dup: false,
      qos: 0,
      retain: false,
      topic: { kind: 'normal', id: 0x102 },
      msgId: 0,
      payload: bytes('55'.repeat(254)),
    },
  },
]

/** The same packet with its length in three octets though one would do: read, never written. */
export const LONG_FORMS: readonly [long: string, short: string][] = [
  ['01000416', '0216'],
  ['010009' + '0d0102000a02', '070d0102000a02'],
]

/** Datagrams that are no packet, with what is wrong and where. */
export const MALFORMED: readonly [name: string, hex: string, offset: number][] = [
  ['nothing', '', 0],
  ['a length alone', '02', 1],
  ['a long length that ends', '0100', 1],
  ['a length of more than there is', '0516', 0],
  ['a length of less than there is', '021600', 0],
  ['a length of zero', '0016', 0],
  ['an ADVERTISE that ends within its duration', '04000703', 3],
  ['a SEARCHGW without radius', '0201', 2],
  ['a SEARCHGW with more than its radius', '04010200', 3],
  ['a CONNECT that ends within its duration', '0504040103', 4],
  ['a client id that is not UTF-8', '080404010384' + 'c328', 6],
  ['a CONNACK without return code', '0205', 2],
  ['a WILLTOPIC that is not UTF-8', '050730' + 'fffe', 3],
  ['a REGISTER without name and message id', '040a0000', 4],
  ['a PUBLISH that ends within its message id', '060c00010200', 5],
  ['a short name that is not UTF-8', '070c02ff620001', 3],
  ['a PUBACK that is too long', '080d0102000a0200', 7],
  ['a SUBSCRIBE by predefined id without id', '06120100' + '0c09', 5],
  ['a SUBSCRIBE by predefined id with more behind it', '08120100' + '0c000900', 7],
  ['a PINGRESP with something in it', '031700', 2],
  ['a DISCONNECT with half a duration', '031801', 2],
  ['an envelope that is longer than its datagram', '09fe000a0b', 5],
  ['an envelope without the octet for control', '02fe', 2],
]

/** Message types that are reserved (§5.2.2). */
export const UNSUPPORTED: readonly string[] = ['0203', '0211', '0219', '021e', '02fd', '02ff']
