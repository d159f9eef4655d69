/** CONNECT: protocol names and levels, flags with every payload, client identifiers; and packets at the wrong moment. */
import {
  anyId,
  byte,
  type Case,
  CLIENT_ID_NOT_VALID,
  connect,
  hex,
  MALFORMED,
  noProperties,
  PACKETS,
  PROTOCOL_ERROR,
  packet,
  protocol,
  text,
  UNSUPPORTED_VERSION,
  uint16,
  VERSIONS,
  type Version,
} from './case.ts'
import { samples, wire } from './samples.ts'

export function connectCases(): Case[] {
  return [...names(), ...levels(), ...VERSIONS.flatMap(version => [...flags(version), ...clientIds(version), ...moments(version)])]
}

const rest = () => [hex(0x02), uint16(60), text('c')]

function names(): Case[] {
  const wrong = ['', 'M', 'MQT', 'MQTTT', 'mqtt', 'MQTt', 'MQISDP', 'MQIsd', 'MQIsdpp', 'HTTP', 'AMQP', ' MQTT', 'MQTT ']
  return wrong.map(name => ({
    name: `protocol name "${name}"`,
    version: 4,
    moment: 'first',
    bytes: packet(PACKETS.CONNECT, text(name), hex(4), ...rest()),
    answer: UNSUPPORTED_VERSION,
  }))
}

function levels(): Case[] {
  const cases: Case[] = []
  for (let level = 0; level < 256; level++) {
    // 0x83 and 0x84 are what bridges of mosquitto send.
    if (level !== 4 && level !== 5 && level !== 0x84) cases.push(levelCase('MQTT', level))
    if (level !== 3 && level !== 0x83) cases.push(levelCase('MQIsdp', level))
  }
  return cases
}

function levelCase(name: string, level: number): Case {
  const bytes = packet(PACKETS.CONNECT, text(name), hex(level), ...rest())
  return { name: `protocol ${name} at level ${level}`, version: 4, moment: 'first', bytes, answer: UNSUPPORTED_VERSION }
}

function flags(version: Version): Case[] {
  return Array.from({ length: 256 }, (_, value): Case => {
    const fields = [anyId()]
    if ((value & 0x04) !== 0) fields.push(noProperties(version), text('w'), text('p'))
    if ((value & 0x80) !== 0) fields.push(text('u'))
    if ((value & 0x40) !== 0) fields.push(text('p'))
    return {
      name: `CONNECT with flags ${byte(value)}`,
      version,
      moment: 'first',
      bytes: connect(version, value, fields),
      answer: flagsAnswer(version, value),
    }
  })
}

function flagsAnswer(version: Version, value: number): Case['answer'] {
  const will = (value & 0x04) !== 0
  const willQos = (value >> 3) & 3
  const isPasswordAlone = (value & 0xc0) === 0x40
  if (will && willQos === 3) return MALFORMED
  if (version !== 5 && isPasswordAlone) return MALFORMED
  // MQTT 3.1 calls the lowest bit unused, and disregards the will's bits without a will.
  if (version === 3) return 'taken'
  if ((value & 0x01) !== 0) return MALFORMED
  return !will && (willQos !== 0 || (value & 0x20) !== 0) ? MALFORMED : 'taken'
}

function clientIds(version: Version): Case[] {
  const make = (id: string, clean: boolean, answer: Case['answer']): Case => ({
    name: `a client identifier of ${id.length} characters, ${clean ? 'clean' : 'not clean'}`,
    version,
    moment: 'first',
    bytes: connect(version, clean ? 0x02 : 0x00, [text(id)]),
    answer,
  })
  const long = version === 3 ? CLIENT_ID_NOT_VALID : 'taken'
  return [
    make('', true, version === 3 ? CLIENT_ID_NOT_VALID : 'taken'),
    make('', false, version === 5 ? 'taken' : CLIENT_ID_NOT_VALID),
    make('c', false, 'taken'),
    make('0123456789abcdefghijABC', true, 'taken'),
    make('ABCDEFGHIJKLMNOPQRSTUVW', true, 'taken'),
    make('012345678901234567890123', true, long),
    make('x'.repeat(1000), true, long),
    make('x'.repeat(10_000), true, long),
    make('$mine', true, CLIENT_ID_NOT_VALID),
  ]
}

/** What is well formed, and comes when it may not. */
function moments(version: Version): Case[] {
  const cases: Case[] = []
  for (const sample of samples(version)) {
    if (sample.type === 'CONNECT') {
      cases.push({ name: 'a second CONNECT', version, moment: 'connected', bytes: wire(sample), answer: PROTOCOL_ERROR })
    } else
      cases.push({
        name: `${sample.type} before CONNECT (${sample.parts.length} parts)`,
        version,
        moment: 'first',
        bytes: wire(sample),
        answer: 'silence',
      })
  }
  for (const other of VERSIONS) {
    const bytes = packet(PACKETS.CONNECT, protocol(other), hex(0x02), uint16(60), noProperties(other), text('other'))
    cases.push({ name: `a second CONNECT, of level ${other}`, version, moment: 'connected', bytes, answer: PROTOCOL_ERROR })
  }
  const strangers: Readonly<Record<string, Buffer>> = {
    'an SSH greeting': Buffer.from('SSH-2.0-x\r\n'),
    'zero bytes': Buffer.alloc(16),
    'bytes of FF': Buffer.alloc(16, 0xff),
    'a PROXY header without PROXY being asked for': Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n'),
  }
  for (const [name, bytes] of Object.entries(strangers)) cases.push({ name, version, moment: 'first', bytes, answer: 'silence' })
  return cases
}
