/** Fixed headers: reserved flags, remaining lengths, truncated and overlong packets, packets that only a server sends. */
import {
  byte,
  type Case,
  hex,
  MALFORMED,
  PACKET_TOO_LARGE,
  PACKETS,
  type PacketName,
  PROTOCOL_ERROR,
  SERVER_PACKETS,
  VERSIONS,
  type Version,
  varint,
} from './case.ts'
import { body, type Sample, samples, wire } from './samples.ts'

export function headerCases(): Case[] {
  return VERSIONS.flatMap(version => [
    ...flags(version),
    ...fromServer(version),
    ...truncated(version),
    ...overlong(version),
    ...lengths(version),
    ...reservedTypes(version),
  ])
}

/** MQTT 3.1 calls the flags unused, but for the QoS of three packets, and these may carry DUP. */
function mayHaveFlags(version: Version, type: PacketName, value: number): boolean {
  const expected = PACKETS[type] & 15
  return value === expected || (version === 3 && (expected === 0 || (value & 6) === 2))
}

function flags(version: Version): Case[] {
  const cases: Case[] = []
  const seen = new Set<PacketName>()
  for (const sample of samples(version)) {
    if (sample.type === 'PUBLISH' || seen.has(sample.type)) continue
    seen.add(sample.type)
    for (let value = 0; value < 16; value++) {
      const answer = mayHaveFlags(version, sample.type, value) ? sample.answer : MALFORMED
      const header = (sample.header & 0xf0) | value
      const bytes = wire({ header, parts: sample.parts })
      cases.push({ name: `${sample.type} with flags ${byte(value)}`, version, moment: sample.moment, bytes, answer })
    }
  }
  // QoS 3, and DUP at QoS 0, with and without RETAIN.
  for (const header of [0x36, 0x37, 0x3e, 0x3f, 0x38, 0x39]) {
    const bytes = wire({ header, parts: samples(version).find(({ type }) => type === 'PUBLISH')!.parts })
    cases.push({ name: `PUBLISH with header ${byte(header)}`, version, moment: 'connected', bytes, answer: MALFORMED })
  }
  return cases
}

function fromServer(version: Version): Case[] {
  const bodies: Partial<Record<PacketName, Buffer>> = {
    CONNACK: hex(0, 0, ...(version === 5 ? [0] : [])),
    SUBACK: hex(0, 7, ...(version === 5 ? [0] : []), 0),
    UNSUBACK: hex(0, 7, ...(version === 5 ? [0, 0] : [])),
    PINGRESP: hex(),
  }
  return SERVER_PACKETS.flatMap(type =>
    Array.from({ length: 16 }, (_, value): Case => {
      const content = bodies[type]!
      const bytes = Buffer.concat([hex(PACKETS[type] | value), varint(content.length), content])
      return { name: `${type} from a client with flags ${byte(value)}`, version, moment: 'connected', bytes, answer: PROTOCOL_ERROR }
    }),
  )
}

function truncated(version: Version): Case[] {
  return samples(version).flatMap(sample => {
    const cases: Case[] = []
    let start = 0
    for (const part of sample.parts) {
      for (let within = 0; within < part.bytes.length; within++) {
        const answer = (within === 0 ? part.endsBefore : part.endsWithin)!
        const content = body(sample).subarray(0, start + within)
        const bytes = Buffer.concat([hex(sample.header), varint(content.length), content])
        const name = `${sample.type} that ends ${within === 0 ? 'before' : `${within} into`} its ${part.name} (${start + within} bytes)`
        cases.push({ name, version, moment: sample.moment, bytes, answer })
      }
      start += part.bytes.length
    }
    return cases
  })
}

function overlong(version: Version): Case[] {
  return samples(version)
    .filter(({ type }) => type !== 'PUBLISH')
    .flatMap(sample =>
      [1, 2, 5].map((count): Case => {
        const content = Buffer.concat([body(sample), Buffer.alloc(count)])
        const bytes = Buffer.concat([hex(sample.header), varint(content.length), content])
        return {
          name: `${sample.type} with ${count} bytes after its end (${sample.parts.length} parts)`,
          version,
          moment: sample.moment,
          bytes,
          answer: longer(sample, version, count),
        }
      }),
    )
}

/** Bytes after the end are malformed everywhere, but where they are another part: reason code 0 and property length 0. */
function longer(sample: Sample, version: Version, count: number): Case['answer'] {
  const isPlainDisconnect = sample.type === 'DISCONNECT' && sample.parts.length === 0
  return isPlainDisconnect && version === 5 && count <= 2 ? 'silence' : MALFORMED
}

function lengths(version: Version): Case[] {
  const names = (Object.keys(PACKETS) as PacketName[]).filter(type => !SERVER_PACKETS.includes(type) && (version === 5 || type !== 'AUTH'))
  return names.flatMap((type): Case[] => {
    const header = type === 'PUBLISH' ? 0x32 : PACKETS[type]
    const moment = type === 'CONNECT' ? 'first' : 'connected'
    const silentFirst = moment === 'first' ? 'silence' : undefined
    const five = Buffer.concat([hex(header, 0x80, 0x80, 0x80, 0x80, 0x01)])
    const cases: Case[] = [
      { name: `${type} with a remaining length of five bytes`, version, moment, bytes: five, answer: silentFirst ?? MALFORMED },
      {
        name: `${type} with the longest remaining length`,
        version,
        moment,
        bytes: hex(header, 0xff, 0xff, 0xff, 0x7f),
        answer: silentFirst ?? PACKET_TOO_LARGE,
      },
      {
        name: `${type} of one byte more than is allowed`,
        version,
        moment,
        bytes: Buffer.concat([hex(header), varint(PACKET_BYTES_MAX - 3)]),
        answer: silentFirst ?? PACKET_TOO_LARGE,
      },
    ]
    const sample = samples(version).find(one => one.type === type)!
    const content = body(sample)
    const long = Buffer.concat([hex(header, content.length | 0x80, 0x00), content])
    const isSafe = type !== 'DISCONNECT'
    if (version === 5)
      cases.push({ name: `${type} with a remaining length that is not the shortest`, version, moment, bytes: long, answer: MALFORMED })
    else if (isSafe)
      cases.push({
        name: `${type} with a remaining length that is not the shortest, as MQTT 3 allows`,
        version,
        moment,
        bytes: long,
        answer: sample.answer,
      })
    return cases
  })
}

/** The limit of the listener under test. */
export const PACKET_BYTES_MAX = 64 * 1024

function reservedTypes(version: Version): Case[] {
  const cases: Case[] = []
  for (let value = 0; value < 16; value++) {
    cases.push({ name: `packet type 0 with flags ${byte(value)}`, version, moment: 'connected', bytes: hex(value, 0), answer: MALFORMED })
    if (version === 5) continue
    // MQTT 3 has no AUTH: type 15 is reserved.
    cases.push({
      name: `packet type 15 with flags ${byte(value)}`,
      version,
      moment: 'connected',
      bytes: hex(0xf0 | value, 0),
      answer: MALFORMED,
    })
  }
  return cases
}
