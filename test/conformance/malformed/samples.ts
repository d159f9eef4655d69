/** Every packet that a client sends, in parts, so that it can be cut anywhere. */
import {
  type Answer,
  hex,
  MALFORMED,
  PACKETS,
  type PacketName,
  PROTOCOL_ERROR,
  packet,
  properties,
  text,
  uint16,
  type Version,
} from './case.ts'

export interface Part {
  name: string
  bytes: Buffer
  /** The answer to a packet that ends before this part. */
  endsBefore?: Answer
  /** The answer to a packet that ends within it. */
  endsWithin?: Answer
}

export interface Sample {
  type: PacketName
  header: number
  moment: 'first' | 'connected'
  parts: Part[]
  /** The answer to the whole packet. */
  answer: Answer
}

const part = (name: string, bytes: Buffer, endsBefore: Answer = MALFORMED, endsWithin: Answer = MALFORMED): Part => ({
  name,
  bytes,
  endsBefore,
  endsWithin,
})

export function wire({ header, parts }: Pick<Sample, 'header' | 'parts'>): Buffer {
  return packet(header, ...parts.map(({ bytes }) => bytes))
}

export function samples(version: Version): Sample[] {
  const v5 = version === 5
  const props = () => (v5 ? [part('property length', hex(0))] : [])
  const id = part('packet identifier', uint16(7))
  const list: Sample[] = [
    connectSample(version),
    {
      type: 'PUBLISH',
      header: 0x32,
      moment: 'connected',
      parts: [part('topic', text('a/b')), id, ...props(), part('payload', Buffer.from('hi'), 'taken', 'taken')],
      answer: 'taken',
    },
    {
      type: 'SUBSCRIBE',
      header: PACKETS.SUBSCRIBE,
      moment: 'connected',
      parts: [id, ...props(), part('topic filter', text('a/#'), PROTOCOL_ERROR), part('options', hex(1))],
      answer: 'taken',
    },
    {
      type: 'UNSUBSCRIBE',
      header: PACKETS.UNSUBSCRIBE,
      moment: 'connected',
      parts: [id, ...props(), part('topic filter', text('a/#'), PROTOCOL_ERROR)],
      answer: 'taken',
    },
    { type: 'PINGREQ', header: PACKETS.PINGREQ, moment: 'connected', parts: [], answer: 'taken' },
    { type: 'DISCONNECT', header: PACKETS.DISCONNECT, moment: 'connected', parts: [], answer: 'silence' },
  ]
  for (const type of ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP'] as const) {
    const more = v5 ? [part('reason code', hex(0), 'taken'), part('property length', hex(0), 'taken')] : []
    list.push({ type, header: PACKETS[type], moment: 'connected', parts: [id, ...more], answer: 'taken' })
  }
  if (v5) list.push(...fiveOnly())
  return list
}

function connectSample(version: Version): Sample {
  const v5 = version === 5
  const props = v5 ? [part('property length', hex(0))] : []
  // MQTT 3.1: the remaining length wins over the flags for user name and password.
  const missing: Answer = version === 3 ? 'taken' : MALFORMED
  const parts = [
    // Before the level is there nobody knows the version to answer in.
    part('protocol name', text(version === 3 ? 'MQIsdp' : 'MQTT'), 'silence', 'silence'),
    part('protocol level', hex(version), 'silence'),
    part('flags', hex(0xce)),
    part('keep alive', uint16(60)),
    ...props,
    part('client identifier', text('malformed')),
    ...props,
    part('will topic', text('w')),
    part('will payload', text('p')),
    part('user name', text('u'), missing),
    part('password', text('p'), missing),
  ]
  return { type: 'CONNECT', header: PACKETS.CONNECT, moment: 'first', parts, answer: 'taken' }
}

function fiveOnly(): Sample[] {
  const reason = part('reason code', hex(0), 'silence')
  return [
    {
      type: 'DISCONNECT',
      header: PACKETS.DISCONNECT,
      moment: 'connected',
      parts: [reason, part('properties', properties(hex(0x1f), text('bye')), 'silence')],
      answer: 'silence',
    },
    {
      type: 'AUTH',
      header: PACKETS.AUTH,
      moment: 'connected',
      parts: [part('reason code', hex(0x19), PROTOCOL_ERROR), part('properties', properties(hex(0x15), text('X')))],
      answer: PROTOCOL_ERROR,
    },
  ]
}

/** The bytes after the fixed header of a sample, for other headers. */
export function body(sample: Sample): Buffer {
  return Buffer.concat(sample.parts.map(({ bytes }) => bytes))
}
