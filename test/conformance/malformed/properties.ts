/** Properties of MQTT 5 (§2.2.2.2): in the wrong packet, twice, cut, out of range, unknown. */
import {
  anyId,
  byte,
  type Case,
  connect,
  hex,
  MALFORMED,
  PACKETS,
  PROTOCOL_ERROR,
  packet,
  properties,
  TOPIC_ALIAS_INVALID,
  text,
  uint16,
  uint32,
} from './case.ts'

type Owner =
  | 'CONNECT'
  | 'will'
  | 'PUBLISH'
  | 'PUBACK'
  | 'PUBREC'
  | 'PUBREL'
  | 'PUBCOMP'
  | 'SUBSCRIBE'
  | 'UNSUBSCRIBE'
  | 'DISCONNECT'
  | 'AUTH'
type Kind = 'flag' | 'uint16' | 'uint32' | 'varint' | 'text' | 'binary' | 'pair'

interface Property {
  id: number
  name: string
  kind: Kind
  /** Packets of a client that may carry it. */
  owners: readonly Owner[]
  /** The answer to the value 0, where that is not allowed. */
  zero?: number
}

const REASONS = ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'DISCONNECT', 'AUTH'] as const
const MESSAGE = ['PUBLISH', 'will'] as const
const ALL: readonly Owner[] = ['CONNECT', 'will', 'PUBLISH', 'SUBSCRIBE', 'UNSUBSCRIBE', ...REASONS]

/** Table 2-4 of the specification, from a client's side. */
const TABLE: readonly Property[] = [
  { id: 0x01, name: 'Payload Format Indicator', kind: 'flag', owners: MESSAGE },
  { id: 0x02, name: 'Message Expiry Interval', kind: 'uint32', owners: MESSAGE },
  { id: 0x03, name: 'Content Type', kind: 'text', owners: MESSAGE },
  { id: 0x08, name: 'Response Topic', kind: 'text', owners: MESSAGE },
  { id: 0x09, name: 'Correlation Data', kind: 'binary', owners: MESSAGE },
  { id: 0x0b, name: 'Subscription Identifier', kind: 'varint', owners: ['SUBSCRIBE'], zero: PROTOCOL_ERROR },
  { id: 0x11, name: 'Session Expiry Interval', kind: 'uint32', owners: ['CONNECT', 'DISCONNECT'] },
  { id: 0x12, name: 'Assigned Client Identifier', kind: 'text', owners: [] },
  { id: 0x13, name: 'Server Keep Alive', kind: 'uint16', owners: [] },
  { id: 0x15, name: 'Authentication Method', kind: 'text', owners: ['CONNECT', 'AUTH'] },
  { id: 0x16, name: 'Authentication Data', kind: 'binary', owners: ['CONNECT', 'AUTH'] },
  { id: 0x17, name: 'Request Problem Information', kind: 'flag', owners: ['CONNECT'] },
  { id: 0x18, name: 'Will Delay Interval', kind: 'uint32', owners: ['will'] },
  { id: 0x19, name: 'Request Response Information', kind: 'flag', owners: ['CONNECT'] },
  { id: 0x1a, name: 'Response Information', kind: 'text', owners: [] },
  { id: 0x1c, name: 'Server Reference', kind: 'text', owners: [] },
  { id: 0x1f, name: 'Reason String', kind: 'text', owners: REASONS },
  { id: 0x21, name: 'Receive Maximum', kind: 'uint16', owners: ['CONNECT'], zero: PROTOCOL_ERROR },
  { id: 0x22, name: 'Topic Alias Maximum', kind: 'uint16', owners: ['CONNECT'] },
  { id: 0x23, name: 'Topic Alias', kind: 'uint16', owners: ['PUBLISH'], zero: TOPIC_ALIAS_INVALID },
  { id: 0x24, name: 'Maximum QoS', kind: 'flag', owners: [] },
  { id: 0x25, name: 'Retain Available', kind: 'flag', owners: [] },
  { id: 0x26, name: 'User Property', kind: 'pair', owners: ALL },
  { id: 0x27, name: 'Maximum Packet Size', kind: 'uint32', owners: ['CONNECT'], zero: PROTOCOL_ERROR },
  { id: 0x28, name: 'Wildcard Subscription Available', kind: 'flag', owners: [] },
  { id: 0x29, name: 'Subscription Identifiers Available', kind: 'flag', owners: [] },
  { id: 0x2a, name: 'Shared Subscription Available', kind: 'flag', owners: [] },
]

/** Identifiers that no property has, and one that takes two bytes. */
const UNKNOWN: readonly number[][] = [
  [0x00],
  [0x04],
  [0x07],
  [0x0a],
  [0x10],
  [0x14],
  [0x1b],
  [0x1d],
  [0x20],
  [0x2b],
  [0x40],
  [0x7f],
  [0x80, 0x01],
  [0xff, 0x7f],
]

export function propertyCases(): Case[] {
  return ALL.flatMap(owner => [...unknown(owner), ...TABLE.flatMap(property => casesOf(owner, property)), ...lengths(owner)])
}

/** A good value of a property, small enough for every limit. */
function value(property: Property): Buffer {
  switch (property.kind) {
    case 'flag':
      return hex(1)
    case 'uint16':
      return uint16(1)
    case 'uint32':
      // Maximum Packet Size 1 would leave no room for an answer.
      return uint32(1000)
    case 'varint':
      return hex(1)
    case 'text':
    case 'binary':
      return text('x')
    case 'pair':
      return Buffer.concat([text('k'), text('v')])
  }
}

function entry(property: Property, content: Buffer = value(property)): Buffer {
  return Buffer.concat([hex(property.id), content])
}

/** AUTH is never without its method, and data not without one. */
function context(owner: Owner, property: Property): Buffer[] {
  const needsMethod = owner === 'AUTH' || (owner === 'CONNECT' && property.id === 0x16)
  return needsMethod && property.id !== 0x15 ? [Buffer.concat([hex(0x15), text('X')])] : []
}

/** What a good packet of this owner with this property is answered. */
function good(owner: Owner, property: Property): Case['answer'] {
  if (owner === 'DISCONNECT') return property.id === 0x11 ? PROTOCOL_ERROR : 'silence' // the session was to end with its connection
  if (owner === 'AUTH') return PROTOCOL_ERROR // no method was agreed on
  if (owner === 'CONNECT' && (property.id === 0x15 || property.id === 0x16)) return 0x8c
  return 'taken'
}

function casesOf(owner: Owner, property: Property): Case[] {
  const before = context(owner, property)
  const make = (what: string, answer: Case['answer'], ...entries: Buffer[]) =>
    build(owner, `${property.name} ${what}`, answer, ...before, ...entries)
  if (!property.owners.includes(owner)) {
    // The two that a PUBLISH and a DISCONNECT have in the other direction are read and refused.
    const isServers = (owner === 'PUBLISH' && property.id === 0x0b) || (owner === 'DISCONNECT' && property.id === 0x1c)
    return [make('where it does not belong', isServers ? PROTOCOL_ERROR : MALFORMED, entry(property))]
  }
  const one = entry(property)
  const twice = property.kind === 'pair' ? good(owner, property) : PROTOCOL_ERROR
  const cases = [make('once', good(owner, property), one), make('twice', twice, one, one)]
  for (let length = 0; length < one.length - 1; length++) {
    cases.push(make(`cut to ${length} bytes of its value`, MALFORMED, one.subarray(0, 1 + length)))
  }
  if (property.kind === 'flag')
    cases.push(make('of 2', PROTOCOL_ERROR, entry(property, hex(2))), make('of 255', PROTOCOL_ERROR, entry(property, hex(255))))
  if (property.zero !== undefined) cases.push(make('of 0', property.zero, entry(property, Buffer.alloc(value(property).length))))
  if (property.kind === 'varint') {
    cases.push(make('of five bytes', MALFORMED, entry(property, hex(0x80, 0x80, 0x80, 0x80, 0x01))))
    cases.push(make('not in its shortest form', MALFORMED, entry(property, hex(0x81, 0x00))))
  }
  if (property.name === 'Response Topic') {
    for (const topic of ['a/+', '#', 'a+b']) cases.push(make(`with a wildcard: ${topic}`, MALFORMED, entry(property, text(topic))))
    cases.push(make('that is empty', PROTOCOL_ERROR, entry(property, text(''))))
  }
  return cases
}

function unknown(owner: Owner): Case[] {
  return UNKNOWN.map(id => build(owner, `unknown property ${id.map(byte).join(' ')}`, MALFORMED, hex(...id, 0)))
}

/** Property lengths that do not fit. */
function lengths(owner: Owner): Case[] {
  const forms: Readonly<Record<string, Buffer>> = {
    'a property length beyond the packet': hex(0x7f, 0x26),
    'a property length of five bytes': hex(0x80, 0x80, 0x80, 0x80, 0x01),
    'a property length not in its shortest form': hex(0x80, 0x00),
  }
  return Object.entries(forms).map(([name, bytes]) => place(owner, name, MALFORMED, bytes))
}

function build(owner: Owner, name: string, answer: Case['answer'], ...entries: Buffer[]): Case {
  return place(owner, name, answer, properties(...entries))
}

function place(owner: Owner, name: string, answer: Case['answer'], props: Buffer): Case {
  const moment = owner === 'CONNECT' || owner === 'will' ? 'first' : 'connected'
  return { name: `${owner} with ${name}`, version: 5, moment, bytes: around(owner, props), answer }
}

function around(owner: Owner, props: Buffer): Buffer {
  switch (owner) {
    case 'CONNECT':
      return connect(5, 0x02, [anyId()], props)
    case 'will':
      return connect(5, 0x06, [anyId(), props, text('w'), text('p')])
    case 'PUBLISH':
      return packet(PACKETS.PUBLISH, text('a'), props)
    case 'SUBSCRIBE':
      return packet(PACKETS.SUBSCRIBE, uint16(1), props, text('a'), hex(0))
    case 'UNSUBSCRIBE':
      return packet(PACKETS.UNSUBSCRIBE, uint16(1), props, text('a'))
    case 'DISCONNECT':
      return packet(PACKETS.DISCONNECT, hex(0), props)
    case 'AUTH':
      return packet(PACKETS.AUTH, hex(0x19), props)
    default:
      return packet(PACKETS[owner], uint16(7), hex(0), props)
  }
}
