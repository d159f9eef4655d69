/** Packets as bytes and as values: each is decoded and encoded. */

import type { MqttVersion, Packet, Properties } from '#codecs/mqtt/index.ts'

export interface PacketVector {
  name: string
  versions: readonly MqttVersion[]
  wire: string
  packet: Packet
  /** Why the bytes do not come back from the value. */
  decodeOnly?: string
}

const ALL = [3, 4, 5] as const
const OLD = [3, 4] as const
const text = (value: string) => Buffer.from(value)
const connect = { type: 'connect', clientId: 'c', cleanStart: true, keepAlive: 60 } as const
const publish = { type: 'publish', topic: 'a/b', payload: text('hi'), qos: 0, retain: false, dup: false } as const
const plain = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
const long = 'x'.repeat(200)

const connects: PacketVector[] = [
  {
    name: 'CONNECT of 3.1',
    versions: [3],
    wire: '10 [ "MQIsdp" 03 02 003c "c" ]',
    packet: { ...connect, protocolVersion: 3 },
  },
  {
    name: 'CONNECT of 3.1.1',
    versions: [4],
    wire: '10 [ "MQTT" 04 02 003c "c" ]',
    packet: { ...connect, protocolVersion: 4 },
  },
  {
    name: 'CONNECT of 5.0',
    versions: [5],
    wire: '10 [ "MQTT" 05 02 003c [ ] "c" ]',
    packet: { ...connect, protocolVersion: 5 },
  },
  {
    name: 'CONNECT of 3.1 by a bridge',
    versions: [3],
    wire: '10 [ "MQIsdp" 83 00 0000 "bridge" ]',
    packet: { ...connect, protocolVersion: 3, clientId: 'bridge', cleanStart: false, keepAlive: 0, bridge: true },
  },
  {
    name: 'CONNECT of 3.1.1 by a bridge',
    versions: [4],
    wire: '10 [ "MQTT" 84 02 ffff "c" ]',
    packet: { ...connect, protocolVersion: 4, keepAlive: 65535, bridge: true },
  },
  {
    name: 'CONNECT of 3.1.1 with an empty client identifier',
    versions: [4],
    wire: '10 [ "MQTT" 04 02 003c "" ]',
    packet: { ...connect, protocolVersion: 4, clientId: '' },
  },
  {
    name: 'CONNECT of 5.0 with an empty client identifier and no clean start',
    versions: [5],
    wire: '10 [ "MQTT" 05 00 003c [ ] "" ]',
    packet: { ...connect, protocolVersion: 5, clientId: '', cleanStart: false },
  },
  {
    name: 'CONNECT of 3.1.1 with everything',
    versions: [4],
    wire: '10 [ "MQTT" 04 f6 000a "c" "w/t" "gone" "user" "pass" ]',
    packet: {
      ...connect,
      protocolVersion: 4,
      keepAlive: 10,
      will: { topic: 'w/t', payload: text('gone'), qos: 2, retain: true },
      username: 'user',
      password: text('pass'),
    },
  },
  {
    name: 'CONNECT of 3.1 with a will of no bytes and a user name',
    versions: [3],
    wire: '10 [ "MQIsdp" 03 8c 000a "c" "w" "" "u" ]',
    packet: {
      ...connect,
      protocolVersion: 3,
      cleanStart: false,
      keepAlive: 10,
      will: { topic: 'w', payload: text(''), qos: 1, retain: false },
      username: 'u',
    },
  },
  {
    name: 'CONNECT of 5.0 with everything',
    versions: [5],
    wire: `10 [ "MQTT" 05 ee 003c
      [ 11 0000000a 15 "m" 16 "d" 17 00 19 01 21 000a 22 0005 26 "a" "1" 26 "a" "2" 27 00001000 ] "c"
      [ 01 01 02 00000e10 03 "text/plain" 08 "r/t" 09 "id" 18 0000001e 26 "w" "" ] "w/t" "gone" "user" "pass" ]`,
    packet: {
      ...connect,
      protocolVersion: 5,
      will: {
        topic: 'w/t',
        payload: text('gone'),
        qos: 1,
        retain: true,
        properties: {
          payloadFormatIndicator: 1,
          messageExpiryInterval: 3600,
          contentType: 'text/plain',
          responseTopic: 'r/t',
          correlationData: text('id'),
          willDelayInterval: 30,
          userProperties: [['w', '']],
        },
      },
      username: 'user',
      password: text('pass'),
      properties: {
        sessionExpiryInterval: 10,
        authenticationMethod: 'm',
        authenticationData: text('d'),
        requestProblemInformation: false,
        requestResponseInformation: true,
        receiveMaximum: 10,
        topicAliasMaximum: 5,
        userProperties: [
          ['a', '1'],
          ['a', '2'],
        ],
        maximumPacketSize: 4096,
      },
    },
  },
  {
    name: 'CONNECT of 5.0 with a password and no user name',
    versions: [5],
    wire: '10 [ "MQTT" 05 42 003c [ ] "c" "token" ]',
    packet: { ...connect, protocolVersion: 5, password: text('token') },
  },
  {
    name: 'CONNECT of 3.1 whose flags promise credentials that do not come',
    versions: [3],
    wire: '10 [ "MQIsdp" 03 c2 003c "c" ]',
    packet: { ...connect, protocolVersion: 3 },
    decodeOnly: 'MQTT 3.1 §3.1 lets the remaining length win over the flags',
  },
  {
    name: 'CONNECT of 3.1 with bits that 3.1 does not use',
    versions: [3],
    wire: '1f [ "MQIsdp" 03 3b 003c "c" ]',
    packet: { ...connect, protocolVersion: 3 },
    decodeOnly: 'the bits carry nothing',
  },
  {
    name: 'CONNECT of 3.1.1 with a remaining length of four bytes',
    versions: [4],
    wire: '10 8d808000 "MQTT" 04 02 003c "c"',
    packet: { ...connect, protocolVersion: 4 },
    decodeOnly: 'the encoder uses the shortest form',
  },
]

const connacks: PacketVector[] = [
  { name: 'CONNACK', versions: OLD, wire: '20 02 0000', packet: { type: 'connack', sessionPresent: false, reasonCode: 0 } },
  { name: 'CONNACK with a session', versions: [4], wire: '20 02 0100', packet: { type: 'connack', sessionPresent: true, reasonCode: 0 } },
  { name: 'CONNACK that refuses', versions: OLD, wire: '20 02 0005', packet: { type: 'connack', sessionPresent: false, reasonCode: 5 } },
  { name: 'CONNACK of 5.0', versions: [5], wire: '20 03 010000', packet: { type: 'connack', sessionPresent: true, reasonCode: 0 } },
  {
    name: 'CONNACK of 5.0 with everything',
    versions: [5],
    wire: `20 [ 00 00 [ 11 ffffffff 12 "given" 13 001e 15 "m" 16 "d" 1a "resp/" 1c "other:1883" 1f "why" 21 0001 22 0000
      24 01 25 00 26 "k" "v" 27 ffffffff 28 01 29 00 2a 01 ] ]`,
    packet: {
      type: 'connack',
      sessionPresent: false,
      reasonCode: 0,
      properties: {
        sessionExpiryInterval: 0xffffffff,
        assignedClientIdentifier: 'given',
        serverKeepAlive: 30,
        authenticationMethod: 'm',
        authenticationData: text('d'),
        responseInformation: 'resp/',
        serverReference: 'other:1883',
        reasonString: 'why',
        receiveMaximum: 1,
        topicAliasMaximum: 0,
        maximumQos: 1,
        retainAvailable: false,
        userProperties: [['k', 'v']],
        maximumPacketSize: 0xffffffff,
        wildcardSubscriptionAvailable: true,
        subscriptionIdentifiersAvailable: false,
        sharedSubscriptionAvailable: true,
      },
    },
  },
  {
    name: 'CONNACK of 3.1 with its reserved byte set',
    versions: [3],
    wire: '20 02 0100',
    packet: { type: 'connack', sessionPresent: false, reasonCode: 0 },
    decodeOnly: 'MQTT 3.1 §3.2 does not use the byte',
  },
]

const publishes: PacketVector[] = [
  { name: 'PUBLISH', versions: OLD, wire: `30 [ "a/b" 'hi' ]`, packet: publish },
  { name: 'PUBLISH without payload', versions: OLD, wire: '31 [ "a/b" ]', packet: { ...publish, payload: text(''), retain: true } },
  { name: 'PUBLISH at QoS 1', versions: OLD, wire: `32 [ "a/b" 000a 'hi' ]`, packet: { ...publish, qos: 1, packetId: 10 } },
  {
    name: 'PUBLISH at QoS 2 again',
    versions: OLD,
    wire: `3d [ "a/b" ffff 'hi' ]`,
    packet: { ...publish, qos: 2, packetId: 65535, dup: true, retain: true },
  },
  {
    name: 'PUBLISH with a remaining length of two bytes',
    versions: OLD,
    wire: `30 [ "a/b" '${long}' ]`,
    packet: { ...publish, payload: text(long) },
  },
  {
    name: 'PUBLISH with U+FEFF first, U+2A6D4 (§1.5.4) and U+10FFFF in its topic',
    versions: OLD,
    wire: `30 [ 000c efbbbf 41 f0aa9b94 f48fbfbf 'hi' ]`,
    packet: { ...publish, topic: '\uFEFFA\u{2A6D4}\u{10FFFF}' },
  },
  {
    name: 'PUBLISH with a topic of slashes, spaces and a dollar',
    versions: OLD,
    wire: `30 [ "/$ / /" 'hi' ]`,
    packet: { ...publish, topic: '/$ / /' },
  },
  { name: 'PUBLISH of 5.0', versions: [5], wire: `30 [ "a/b" [ ] 'hi' ]`, packet: publish },
  {
    name: 'PUBLISH of 5.0 with everything',
    versions: [5],
    wire: `3a [ "a/b" 0001 [ 01 00 02 00000000 03 "" 08 "r" 09 "" 0b 01 0b ffffff7f 23 ffff 26 "" "" ] 'hi' ]`,
    packet: {
      ...publish,
      qos: 1,
      dup: true,
      packetId: 1,
      properties: {
        payloadFormatIndicator: 0,
        messageExpiryInterval: 0,
        contentType: '',
        responseTopic: 'r',
        correlationData: text(''),
        subscriptionIdentifier: [1, 268435455],
        topicAlias: 65535,
        userProperties: [['', '']],
      },
    },
  },
  {
    name: 'PUBLISH of 5.0 with a topic alias alone',
    versions: [5],
    wire: `30 [ "" [ 23 0001 ] 'hi' ]`,
    packet: { ...publish, topic: '', properties: { topicAlias: 1 } },
  },
  {
    name: 'PUBLISH of 5.0 with a property length of two bytes',
    versions: [5],
    wire: `30 [ "a/b" [ 26 "k" "${long}" ] 'hi' ]`,
    packet: { ...publish, properties: { userProperties: [['k', long]] } },
  },
  {
    name: 'PUBLISH of 5.0 with user properties between others',
    versions: [5],
    wire: `30 [ "a/b" [ 26 "z" "1" 01 01 26 "a" "2" ] 'hi' ]`,
    packet: {
      ...publish,
      properties: {
        userProperties: [
          ['z', '1'],
          ['a', '2'],
        ],
        payloadFormatIndicator: 1,
      },
    },
    decodeOnly: 'the encoder puts all user properties together',
  },
]

const acknowledgements: PacketVector[] = (['puback', 'pubrec', 'pubrel', 'pubcomp'] as const).flatMap((type, index) => {
  const header = ['40', '50', '62', '70'][index]
  const name = type.toUpperCase()
  const failure = index < 2 ? 0x97 : 0x92
  const properties: Properties = { reasonString: 'no', userProperties: [['k', 'v']] }
  return [
    { name, versions: ALL, wire: `${header} 02 1234`, packet: { type, packetId: 0x1234, reasonCode: 0 } },
    {
      name: `${name} with a reason code`,
      versions: [5],
      wire: `${header} 03 1234 ${failure.toString(16)}`,
      packet: { type, packetId: 0x1234, reasonCode: failure },
    },
    {
      name: `${name} with properties`,
      versions: [5],
      wire: `${header} [ 1234 00 [ 1f "no" 26 "k" "v" ] ]`,
      packet: { type, packetId: 0x1234, reasonCode: 0, properties },
    },
    {
      name: `${name} with all fields at their defaults`,
      versions: [5],
      wire: `${header} 04 1234 00 00`,
      packet: { type, packetId: 0x1234, reasonCode: 0 },
      decodeOnly: 'the encoder leaves out what may be left out',
    },
  ] satisfies PacketVector[]
})

const subscriptions: PacketVector[] = [
  {
    name: 'SUBSCRIBE with three filters',
    versions: OLD,
    wire: '82 [ 000a "a/b" 01 "#" 00 "+/+/c" 02 ]',
    packet: {
      type: 'subscribe',
      packetId: 10,
      subscriptions: [
        { ...plain, filter: 'a/b', qos: 1 },
        { ...plain, filter: '#', qos: 0 },
        { ...plain, filter: '+/+/c', qos: 2 },
      ],
    },
  },
  {
    name: 'SUBSCRIBE of 5.0 with all options',
    versions: [5],
    wire: '82 [ 000a [ 0b 8001 26 "k" "v" ] "a/#" 2e "$share/g/+/x" 1a "$share" 04 ]',
    packet: {
      type: 'subscribe',
      packetId: 10,
      subscriptions: [
        { filter: 'a/#', qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 },
        { filter: '$share/g/+/x', qos: 2, noLocal: false, retainAsPublished: true, retainHandling: 1 },
        { filter: '$share', qos: 0, noLocal: true, retainAsPublished: false, retainHandling: 0 },
      ],
      properties: { subscriptionIdentifier: [128], userProperties: [['k', 'v']] },
    },
  },
  {
    name: 'SUBSCRIBE of 3.1, repeated, with unused bits',
    versions: [3],
    wire: '8b [ 000a "a" fd ]',
    packet: { type: 'subscribe', packetId: 10, subscriptions: [{ ...plain, filter: 'a', qos: 1 }] },
    decodeOnly: 'the bits carry nothing',
  },
  {
    name: 'SUBACK',
    versions: OLD,
    wire: '90 [ 000a 00 01 02 80 ]',
    packet: { type: 'suback', packetId: 10, reasonCodes: [0, 1, 2, 0x80] },
  },
  {
    name: 'SUBACK of 5.0',
    versions: [5],
    wire: '90 [ 000a [ ] 00 01 02 80 83 87 8f 91 97 9e a1 a2 ]',
    packet: { type: 'suback', packetId: 10, reasonCodes: [0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2] },
  },
  {
    name: 'SUBACK of 5.0 with properties',
    versions: [5],
    wire: '90 [ 000a [ 1f "no" 26 "k" "v" ] 87 ]',
    packet: { type: 'suback', packetId: 10, reasonCodes: [0x87], properties: { reasonString: 'no', userProperties: [['k', 'v']] } },
  },
  {
    name: 'UNSUBSCRIBE',
    versions: OLD,
    wire: 'a2 [ 000a "a/+" "/" ]',
    packet: { type: 'unsubscribe', packetId: 10, filters: ['a/+', '/'] },
  },
  {
    name: 'UNSUBSCRIBE of 5.0',
    versions: [5],
    wire: 'a2 [ 000a [ 26 "k" "v" ] "$share/g/#" ]',
    packet: { type: 'unsubscribe', packetId: 10, filters: ['$share/g/#'], properties: { userProperties: [['k', 'v']] } },
  },
  { name: 'UNSUBACK', versions: OLD, wire: 'b0 02 000a', packet: { type: 'unsuback', packetId: 10, reasonCodes: [] } },
  {
    name: 'UNSUBACK of 5.0',
    versions: [5],
    wire: 'b0 [ 000a [ 1f "x" ] 00 11 80 83 87 8f 91 ]',
    packet: { type: 'unsuback', packetId: 10, reasonCodes: [0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91], properties: { reasonString: 'x' } },
  },
]

const others: PacketVector[] = [
  { name: 'PINGREQ', versions: ALL, wire: 'c0 00', packet: { type: 'pingreq' } },
  { name: 'PINGRESP', versions: ALL, wire: 'd0 00', packet: { type: 'pingresp' } },
  { name: 'DISCONNECT', versions: ALL, wire: 'e0 00', packet: { type: 'disconnect', reasonCode: 0 } },
  { name: 'DISCONNECT with a reason code', versions: [5], wire: 'e0 01 04', packet: { type: 'disconnect', reasonCode: 4 } },
  {
    name: 'DISCONNECT with everything',
    versions: [5],
    wire: 'e0 [ 9c [ 11 00000000 1c "there" 1f "moved" 26 "k" "v" ] ]',
    packet: {
      type: 'disconnect',
      reasonCode: 0x9c,
      properties: { sessionExpiryInterval: 0, serverReference: 'there', reasonString: 'moved', userProperties: [['k', 'v']] },
    },
  },
  {
    name: 'DISCONNECT with all fields at their defaults',
    versions: [5],
    wire: 'e0 02 00 00',
    packet: { type: 'disconnect', reasonCode: 0 },
    decodeOnly: 'the encoder leaves out what may be left out',
  },
  { name: 'AUTH with nothing', versions: [5], wire: 'f0 00', packet: { type: 'auth', reasonCode: 0 } },
  {
    name: 'AUTH with everything',
    versions: [5],
    wire: 'f0 [ 18 [ 15 "SCRAM-SHA-256" 16 "step" 1f "go on" 26 "k" "v" ] ]',
    packet: {
      type: 'auth',
      reasonCode: 0x18,
      properties: {
        authenticationMethod: 'SCRAM-SHA-256',
        authenticationData: text('step'),
        reasonString: 'go on',
        userProperties: [['k', 'v']],
      },
    },
  },
]

export const PACKET_VECTORS: readonly PacketVector[] = [
  ...connects,
  ...connacks,
  ...publishes,
  ...acknowledgements,
  ...subscriptions,
  ...others,
]
