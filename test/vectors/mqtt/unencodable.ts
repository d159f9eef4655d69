/** Values that no packet of the version can carry. */

import type { MqttVersion, Packet } from '#codecs/mqtt/index.ts'

type Row = readonly [name: string, versions: readonly MqttVersion[], packet: unknown]

const ALL = [3, 4, 5] as const
const OLD = [3, 4] as const
const V5 = [5] as const
const none = new Uint8Array(0)
const publish = { type: 'publish', topic: 'a', payload: none, qos: 0, retain: false, dup: false }
const connect = { type: 'connect', protocolVersion: 4, clientId: 'c', cleanStart: true, keepAlive: 60 }
const will = { topic: 'w', payload: none, qos: 0, retain: false }
const subscription = { filter: 'a', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }
const subscribe = { type: 'subscribe', packetId: 1, subscriptions: [subscription] }
const BAD_IDS = [0, -1, 65536, 1.5, Number.NaN, undefined, '1']

const ROWS: readonly Row[] = [
  ['PUBLISH with an empty topic', OLD, { ...publish, topic: '', properties: { topicAlias: 1 } }],
  ['PUBLISH with an empty topic and no alias', V5, { ...publish, topic: '' }],
  ['PUBLISH with + in its topic', ALL, { ...publish, topic: 'a/+' }],
  ['PUBLISH with # in its topic', ALL, { ...publish, topic: '#' }],
  ['PUBLISH with U+0000 in its topic', ALL, { ...publish, topic: 'a\0' }],
  ['PUBLISH with a lone surrogate in its topic', ALL, { ...publish, topic: '\uD83D' }],
  ['PUBLISH with a topic of 65536 bytes', ALL, { ...publish, topic: 'x'.repeat(65536) }],
  ['PUBLISH at QoS 3', ALL, { ...publish, qos: 3, packetId: 1 }],
  ['PUBLISH with DUP at QoS 0', ALL, { ...publish, dup: true }],
  ['PUBLISH at QoS 0 with a packet identifier', ALL, { ...publish, packetId: 1 }],
  ['PUBLISH longer than MQTT allows', ALL, { ...publish, payload: { length: 268_435_453 } }],
  ...BAD_IDS.flatMap(packetId => [
    [`PUBLISH at QoS 1 with packet identifier ${packetId}`, ALL, { ...publish, qos: 1, packetId }] as const,
    [`PUBACK with packet identifier ${packetId}`, ALL, { type: 'puback', packetId, reasonCode: 0 }] as const,
    [`PUBREC with packet identifier ${packetId} and a reason`, V5, { type: 'pubrec', packetId, reasonCode: 0x80 }] as const,
    [`SUBSCRIBE with packet identifier ${packetId}`, ALL, { ...subscribe, packetId }] as const,
    [`UNSUBSCRIBE with packet identifier ${packetId}`, ALL, { type: 'unsubscribe', packetId, filters: ['a'] }] as const,
    [`SUBACK with packet identifier ${packetId}`, ALL, { type: 'suback', packetId, reasonCodes: [0] }] as const,
    [`UNSUBACK with packet identifier ${packetId}`, ALL, { type: 'unsuback', packetId, reasonCodes: [0] }] as const,
  ]),
  ['CONNECT of level 6', ALL, { ...connect, protocolVersion: 6 }],
  ['CONNECT with a negative keep alive', ALL, { ...connect, keepAlive: -1 }],
  ['CONNECT with a keep alive beyond 16 bits', ALL, { ...connect, keepAlive: 65536 }],
  ['CONNECT of 5.0 by a bridge', ALL, { ...connect, protocolVersion: 5, bridge: true }],
  ['CONNECT of 3.1.1 with a password alone', ALL, { ...connect, password: none }],
  ['CONNECT of 3.1.1 with a session and no client identifier', ALL, { ...connect, clientId: '', cleanStart: false }],
  ['CONNECT of 3.1 without client identifier', ALL, { ...connect, protocolVersion: 3, clientId: '' }],
  ['CONNECT of 3.1 with 24 characters', ALL, { ...connect, protocolVersion: 3, clientId: 'x'.repeat(24) }],
  ['CONNECT with U+0000 in the client identifier', ALL, { ...connect, clientId: 'a\0' }],
  ['CONNECT with a user name of 65536 bytes', ALL, { ...connect, username: 'x'.repeat(65536) }],
  ['CONNECT with a password of 65536 bytes', ALL, { ...connect, username: 'u', password: new Uint8Array(65536) }],
  ['CONNECT with a will at QoS 3', ALL, { ...connect, will: { ...will, qos: 3 } }],
  ['CONNECT with a will to a wildcard', ALL, { ...connect, will: { ...will, topic: 'a/#' } }],
  ['CONNECT with a will to nowhere', ALL, { ...connect, will: { ...will, topic: '' } }],
  ['CONNECT with a will of 65536 bytes', ALL, { ...connect, will: { ...will, payload: new Uint8Array(65536) } }],
  ['CONNACK with a session and a refusal', ALL, { type: 'connack', sessionPresent: true, reasonCode: 0x80 }],
  ['CONNACK of MQTT 3 with a reason code of MQTT 5', OLD, { type: 'connack', sessionPresent: false, reasonCode: 0x87 }],
  ['CONNACK of MQTT 5 with a return code of MQTT 3', V5, { type: 'connack', sessionPresent: false, reasonCode: 5 }],
  ['SUBSCRIBE to nothing', ALL, { ...subscribe, subscriptions: [] }],
  ['SUBSCRIBE to an ill-formed filter', ALL, { ...subscribe, subscriptions: [{ ...subscription, filter: 'a#' }] }],
  ['SUBSCRIBE to a filter with U+0000', ALL, { ...subscribe, subscriptions: [{ ...subscription, filter: '\0' }] }],
  ['SUBSCRIBE at QoS 3', ALL, { ...subscribe, subscriptions: [{ ...subscription, qos: 3 }] }],
  ['SUBSCRIBE with retain handling 3', ALL, { ...subscribe, subscriptions: [{ ...subscription, retainHandling: 3 }] }],
  [
    'SUBSCRIBE with no local to a shared filter',
    ALL,
    { ...subscribe, subscriptions: [{ ...subscription, filter: '$share/g/a', noLocal: true }] },
  ],
  ['UNSUBSCRIBE from nothing', ALL, { type: 'unsubscribe', packetId: 1, filters: [] }],
  ['UNSUBSCRIBE from an empty filter', ALL, { type: 'unsubscribe', packetId: 1, filters: [''] }],
  ['SUBACK with no code', ALL, { type: 'suback', packetId: 1, reasonCodes: [] }],
  ['SUBACK with code 3', ALL, { type: 'suback', packetId: 1, reasonCodes: [3] }],
  ['SUBACK of MQTT 3 with a reason code of MQTT 5', OLD, { type: 'suback', packetId: 1, reasonCodes: [0x87] }],
  ['UNSUBACK of MQTT 5 with no code', V5, { type: 'unsuback', packetId: 1, reasonCodes: [] }],
  ['AUTH of MQTT 3', OLD, { type: 'auth', reasonCode: 0 }],
  ['AUTH without a method', V5, { type: 'auth', reasonCode: 0x18 }],
  ['AUTH with properties and no method', V5, { type: 'auth', reasonCode: 0, properties: { reasonString: 'x' } }],
  ['DISCONNECT with a property of others', V5, { type: 'disconnect', reasonCode: 0, properties: { topicAlias: 1 } }],
]

export const UNENCODABLE_VECTORS = ROWS.map(([name, versions, packet]) => ({ name, versions, packet: packet as Packet }))
