/** Packet identifiers, reason codes, topics, filters, subscription options. */
import {
  byte,
  type Case,
  hex,
  MALFORMED,
  noProperties,
  PACKETS,
  PROTOCOL_ERROR,
  packet,
  properties,
  TOPIC_ALIAS_INVALID,
  text,
  uint16,
  VERSIONS,
  type Version,
} from './case.ts'

export function fieldCases(): Case[] {
  return [
    ...VERSIONS.flatMap(version => [...identifiers(version), ...topics(version), ...filters(version), ...options(version)]),
    ...reasonCodes(),
    ...aliases(),
  ]
}

function identifiers(version: Version): Case[] {
  const props = noProperties(version)
  const packets: Readonly<Record<string, Buffer>> = {
    'PUBLISH at QoS 1': packet(0x32, text('a'), uint16(0), props),
    'PUBLISH at QoS 1 with DUP': packet(0x3a, text('a'), uint16(0), props),
    'PUBLISH at QoS 2': packet(0x34, text('a'), uint16(0), props),
    PUBACK: packet(PACKETS.PUBACK, uint16(0)),
    PUBREC: packet(PACKETS.PUBREC, uint16(0)),
    PUBREL: packet(PACKETS.PUBREL, uint16(0)),
    PUBCOMP: packet(PACKETS.PUBCOMP, uint16(0)),
    SUBSCRIBE: packet(PACKETS.SUBSCRIBE, uint16(0), props, text('a'), hex(0)),
    UNSUBSCRIBE: packet(PACKETS.UNSUBSCRIBE, uint16(0), props, text('a')),
  }
  return Object.entries(packets).map(([name, bytes]) => ({
    name: `${name} with identifier 0`,
    version,
    moment: 'connected',
    bytes,
    answer: PROTOCOL_ERROR,
  }))
}

const BAD_TOPICS: Readonly<Record<string, number>> = {
  '': PROTOCOL_ERROR,
  '+': MALFORMED,
  '#': MALFORMED,
  'a/+': MALFORMED,
  'a/#': MALFORMED,
  '+/a': MALFORMED,
  'a+b': MALFORMED,
  'a#': MALFORMED,
  '$share/g/+': MALFORMED,
}

function topics(version: Version): Case[] {
  const cases: Case[] = []
  for (const [topic, answer] of Object.entries(BAD_TOPICS)) {
    for (const header of [0x30, 0x31, 0x32, 0x34]) {
      const id = header >= 0x32 ? uint16(1) : hex()
      const bytes = packet(header, text(topic), id, noProperties(version), Buffer.from('x'))
      cases.push({ name: `PUBLISH ${byte(header)} on the topic "${topic}"`, version, moment: 'connected', bytes, answer })
    }
  }
  for (const topic of ['/', '//', ' ', 'a b', '$', '$x', 'ü', 'a/', '/a']) {
    const bytes = packet(0x30, text(topic), noProperties(version), Buffer.from('x'))
    cases.push({ name: `PUBLISH on the topic "${topic}", which is good`, version, moment: 'connected', bytes, answer: 'taken' })
  }
  return cases
}

const BAD_FILTERS = [
  '',
  'a#',
  '#a',
  '#/a',
  'a/#/b',
  'a/b#',
  '##',
  '+a',
  'a+',
  'a+/b',
  'a/+b',
  'a/b+',
  '++',
  '+#',
  '$share/',
  '$share//a',
  '$share/g',
  '$share/g/',
  '$share/+/a',
  '$share/#/a',
  '$share/g+/a',
  '$share/g/a#',
  '$share/g/+b',
]
const GOOD_FILTERS = ['#', '+', '/', '//', '/#', '+/+', '+/#', 'a/+/b', 'a/#', '$SYS/#', ' ', 'a/ /b', '/+', '+/']

function filters(version: Version): Case[] {
  const props = noProperties(version)
  const all = [...BAD_FILTERS.map(filter => [filter, MALFORMED] as const), ...GOOD_FILTERS.map(filter => [filter, 'taken'] as const)]
  return all.flatMap(([filter, answer]): Case[] => [
    {
      name: `SUBSCRIBE to "${filter}"`,
      version,
      moment: 'connected',
      bytes: packet(PACKETS.SUBSCRIBE, uint16(1), props, text(filter), hex(0)),
      answer,
    },
    {
      name: `SUBSCRIBE to "a" and "${filter}"`,
      version,
      moment: 'connected',
      bytes: packet(PACKETS.SUBSCRIBE, uint16(1), props, text('a'), hex(0), text(filter), hex(0)),
      answer,
    },
    {
      name: `UNSUBSCRIBE from "${filter}"`,
      version,
      moment: 'connected',
      bytes: packet(PACKETS.UNSUBSCRIBE, uint16(1), props, text(filter)),
      answer,
    },
  ])
}

function options(version: Version): Case[] {
  const cases: Case[] = []
  for (let value = 0; value < 256; value++) {
    const answer = optionsAnswer(version, value)
    if (answer === undefined) continue
    const bytes = packet(PACKETS.SUBSCRIBE, uint16(1), noProperties(version), text('options'), hex(value))
    cases.push({ name: `SUBSCRIBE with options ${byte(value)}`, version, moment: 'connected', bytes, answer })
  }
  if (version === 5) {
    const bytes = packet(PACKETS.SUBSCRIBE, uint16(1), hex(0), text('$share/g/a'), hex(0x05))
    cases.push({ name: 'SUBSCRIBE to a shared subscription with no local', version, moment: 'connected', bytes, answer: PROTOCOL_ERROR })
  }
  return cases
}

/** Undefined: wrong in two ways that have different reason codes. MQTT 3.1 calls the upper bits unused. */
function optionsAnswer(version: Version, value: number): Case['answer'] | undefined {
  const badQos = (value & 3) === 3
  if (version === 3) return badQos ? MALFORMED : 'taken'
  if (version === 4) return badQos || value > 3 ? MALFORMED : 'taken'
  const badBits = (value & 0xc0) !== 0
  const badHandling = (value & 0x30) === 0x30
  if (badBits && (badQos || badHandling)) return undefined
  if (badBits) return MALFORMED
  return badQos || badHandling ? PROTOCOL_ERROR : 'taken'
}

/** The reason codes of §2.4 that a client may send with each packet. */
const CODES: Readonly<Record<string, readonly number[]>> = {
  PUBACK: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  PUBREC: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  PUBREL: [0x00, 0x92],
  PUBCOMP: [0x00, 0x92],
  DISCONNECT: [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99],
  AUTH: [],
}

function reasonCodes(): Case[] {
  return Object.entries(CODES).flatMap(([type, good]) =>
    Array.from({ length: 256 }, (_, code): Case => {
      const header = PACKETS[type as keyof typeof PACKETS]
      const start = type === 'DISCONNECT' || type === 'AUTH' ? hex() : uint16(7)
      const method = type === 'AUTH' ? properties(hex(0x15), text('X')) : hex()
      const taken = type === 'DISCONNECT' ? 'silence' : 'taken'
      const answer = good.includes(code) ? taken : PROTOCOL_ERROR
      return {
        name: `${type} with reason code ${byte(code)}`,
        version: 5,
        moment: 'connected',
        bytes: packet(header, start, hex(code), method),
        answer,
      }
    }),
  )
}

/** The listener under test allows 32. */
function aliases(): Case[] {
  const alias = (value: number, topic: string) =>
    packet(PACKETS.PUBLISH, text(topic), properties(hex(0x23), uint16(value)), Buffer.from('x'))
  const make = (name: string, answer: Case['answer'], ...packets: Buffer[]): Case => ({
    name,
    version: 5,
    moment: 'connected',
    bytes: Buffer.concat(packets),
    answer,
  })
  return [
    make('the largest topic alias', 'taken', alias(32, 'a'), alias(32, '')),
    make('a topic alias that is set anew', 'taken', alias(1, 'a'), alias(1, 'b'), alias(1, '')),
    make('topic alias 0', TOPIC_ALIAS_INVALID, alias(0, 'a')),
    make('a topic alias above the maximum', TOPIC_ALIAS_INVALID, alias(33, 'a')),
    make('the topic alias 65535', TOPIC_ALIAS_INVALID, alias(65_535, 'a')),
    make('a topic alias that was never set', PROTOCOL_ERROR, alias(1, '')),
    make('another topic alias than the one that was set', PROTOCOL_ERROR, alias(1, 'a'), alias(2, '')),
    make('a topic alias for a topic with a wildcard', MALFORMED, alias(1, 'a/#')),
  ]
}
