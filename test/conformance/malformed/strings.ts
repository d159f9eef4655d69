/** UTF-8 strings (`MQTT 5 §1.5.4`): every way to be ill-formed in every field that is a string. */
import {
  anyId,
  type Case,
  connect,
  hex,
  MALFORMED,
  noProperties,
  PACKETS,
  PROTOCOL_ERROR,
  packet,
  properties,
  text,
  uint16,
  VERSIONS,
  type Version,
} from './case.ts'

/** Ill-formed by Unicode's table 3-7, or U+0000, which MQTT forbids. */
const ILL_FORMED: Readonly<Record<string, number[]>> = {
  'U+0000': [0x00],
  'a lone continuation byte': [0x80],
  'a lead byte alone': [0xc3],
  'two bytes of three': [0xe2, 0x82],
  'three bytes of four': [0xf0, 0x9f, 0x98],
  'U+0000 in two bytes': [0xc0, 0x80],
  'a slash in two bytes': [0xc0, 0xaf],
  'a slash in three bytes': [0xe0, 0x80, 0xaf],
  'a slash in four bytes': [0xf0, 0x80, 0x80, 0xaf],
  'the surrogate U+D800': [0xed, 0xa0, 0x80],
  'the surrogate U+DBFF': [0xed, 0xaf, 0xbf],
  'the surrogate U+DC00': [0xed, 0xb0, 0x80],
  'the surrogate U+DFFF': [0xed, 0xbf, 0xbf],
  'a pair of surrogates': [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
  'U+110000': [0xf4, 0x90, 0x80, 0x80],
  'a sequence of five bytes': [0xf8, 0x88, 0x80, 0x80, 0x80],
  'the byte FE': [0xfe],
  'the byte FF': [0xff],
}

/** Well formed, and of the kind that may be taken as malformed: it is, in names. */
const NOT_PLAIN: Readonly<Record<string, number[]>> = {
  'U+0001': [0x01],
  'U+000A': [0x0a],
  'U+001F': [0x1f],
  'U+007F': [0x7f],
  'U+0080': [0xc2, 0x80],
  'U+009F': [0xc2, 0x9f],
  'U+FDD0': [0xef, 0xb7, 0x90],
  'U+FFFE': [0xef, 0xbf, 0xbe],
  'U+FFFF': [0xef, 0xbf, 0xbf],
  'U+1FFFE': [0xf0, 0x9f, 0xbf, 0xbe],
  'U+10FFFF': [0xf4, 0x8f, 0xbf, 0xbf],
}

/** Well formed and unsuspicious. */
const FINE: Readonly<Record<string, number[]>> = {
  'U+0020': [0x20],
  'U+00A0': [0xc2, 0xa0],
  'U+FEFF': [0xef, 0xbb, 0xbf],
  'U+D7FF': [0xed, 0x9f, 0xbf],
  'U+E000': [0xee, 0x80, 0x80],
  'U+1F600': [0xf0, 0x9f, 0x98, 0x80],
}

interface Field {
  name: string
  moment: 'first' | 'connected'
  /** A name, by which things are found: control characters and non-characters are refused too. */
  isName: boolean
  packet(value: Buffer, version: Version): Buffer
  fine: Case['answer']
}

const CLEAN = 0x02
const field = (name: string, moment: Field['moment'], isName: boolean, build: Field['packet'], fine: Case['answer'] = 'taken'): Field => ({
  name,
  moment,
  isName,
  packet: build,
  fine,
})

const FIELDS: readonly Field[] = [
  field('client identifier', 'first', true, (value, version) => connect(version, CLEAN, [text(value)])),
  field('will topic', 'first', true, (value, version) =>
    connect(version, CLEAN | 0x04, [anyId(), noProperties(version), text(value), text('p')]),
  ),
  field('user name', 'first', true, (value, version) => connect(version, CLEAN | 0x80, [anyId(), text(value)])),
  field('topic name', 'connected', true, (value, version) => packet(PACKETS.PUBLISH, text(value), noProperties(version), Buffer.from('x'))),
  field('topic filter', 'connected', true, (value, version) =>
    packet(PACKETS.SUBSCRIBE, uint16(1), noProperties(version), text(value), hex(0)),
  ),
  field('topic filter to leave', 'connected', true, (value, version) =>
    packet(PACKETS.UNSUBSCRIBE, uint16(1), noProperties(version), text(value)),
  ),
]

const user = (value: Buffer) => properties(hex(0x26), text(value), text('v'))
const userValue = (value: Buffer) => properties(hex(0x26), text('k'), text(value))
const connected = (name: string, build: (value: Buffer) => Buffer, fine: Case['answer'] = 'taken') =>
  field(name, 'connected', false, build, fine)
const acknowledgement = (type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP') =>
  connected(`reason string of ${type}`, value => packet(PACKETS[type], uint16(7), hex(0), properties(hex(0x1f), text(value))))

const FIVE_ONLY: readonly Field[] = [
  field('user property of CONNECT', 'first', false, value => connect(5, CLEAN, [anyId()], user(value))),
  field('value of a user property of CONNECT', 'first', false, value => connect(5, CLEAN, [anyId()], userValue(value))),
  field('authentication method', 'first', false, value => connect(5, CLEAN, [anyId()], properties(hex(0x15), text(value))), 0x8c),
  field('content type of the will', 'first', false, value =>
    connect(5, CLEAN | 0x04, [anyId(), properties(hex(0x03), text(value)), text('w'), text('p')]),
  ),
  field('response topic of the will', 'first', false, value =>
    connect(5, CLEAN | 0x04, [anyId(), properties(hex(0x08), text(value)), text('w'), text('p')]),
  ),
  field('user property of the will', 'first', false, value => connect(5, CLEAN | 0x04, [anyId(), user(value), text('w'), text('p')])),
  connected('content type', value => packet(PACKETS.PUBLISH, text('a'), properties(hex(0x03), text(value)))),
  connected('response topic', value => packet(PACKETS.PUBLISH, text('a'), properties(hex(0x08), text(value)))),
  connected('user property of PUBLISH', value => packet(PACKETS.PUBLISH, text('a'), user(value))),
  connected('value of a user property of PUBLISH', value => packet(PACKETS.PUBLISH, text('a'), userValue(value))),
  connected('user property of SUBSCRIBE', value => packet(PACKETS.SUBSCRIBE, uint16(1), user(value), text('a'), hex(0))),
  connected('user property of UNSUBSCRIBE', value => packet(PACKETS.UNSUBSCRIBE, uint16(1), user(value), text('a'))),
  acknowledgement('PUBACK'),
  acknowledgement('PUBREC'),
  acknowledgement('PUBREL'),
  acknowledgement('PUBCOMP'),
  connected('reason string of DISCONNECT', value => packet(PACKETS.DISCONNECT, hex(0), properties(hex(0x1f), text(value))), 'silence'),
  connected('authentication method of AUTH', value => packet(PACKETS.AUTH, hex(0x19), properties(hex(0x15), text(value))), PROTOCOL_ERROR),
]

export function stringCases(): Case[] {
  return [...VERSIONS.flatMap(version => FIELDS.flatMap(one => casesOf(one, version))), ...FIVE_ONLY.flatMap(one => casesOf(one, 5))]
}

function casesOf({ name, moment, isName, packet: build, fine }: Field, version: Version): Case[] {
  const make = (what: string, bytes: number[], answer: Case['answer']): Case => ({
    name: `${name} with ${what}`,
    version,
    moment,
    bytes: build(Buffer.from([0x61, ...bytes, 0x62]), version),
    answer,
  })
  return [
    ...Object.entries(ILL_FORMED).map(([what, bytes]) => make(what, bytes, MALFORMED)),
    ...Object.entries(NOT_PLAIN).map(([what, bytes]) => make(what, bytes, isName ? MALFORMED : fine)),
    ...Object.entries(FINE).map(([what, bytes]) => make(what, bytes, fine)),
  ]
}
