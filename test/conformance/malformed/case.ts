/** One thing that a client may not send (or may, for comparison), and what the specification has as its answer. */

export type Version = 3 | 4 | 5
export const VERSIONS: readonly Version[] = [3, 4, 5]

export const MALFORMED = 0x81
export const PROTOCOL_ERROR = 0x82
export const UNSUPPORTED_VERSION = 0x84
export const CLIENT_ID_NOT_VALID = 0x85
export const TOPIC_ALIAS_INVALID = 0x94
export const PACKET_TOO_LARGE = 0x95

/**
 * A reason code of MQTT 5: the answer is DISCONNECT with it (CONNACK before the client is in) and the close; MQTT 3 is
 * closed, before it is in with the CONNACK return code for the same where there is one. `silence`: closed without a word in
 * every version. `taken`: nothing is wrong, the connection goes on.
 */
export type Answer = number | 'silence' | 'taken'

export interface Case {
  name: string
  version: Version
  /** Sent instead of a CONNECT, or after one that was accepted. */
  moment: 'first' | 'connected'
  bytes: Buffer
  answer: Answer
}

export const PACKETS = {
  CONNECT: 0x10,
  CONNACK: 0x20,
  PUBLISH: 0x30,
  PUBACK: 0x40,
  PUBREC: 0x50,
  PUBREL: 0x62,
  PUBCOMP: 0x70,
  SUBSCRIBE: 0x82,
  SUBACK: 0x90,
  UNSUBSCRIBE: 0xa2,
  UNSUBACK: 0xb0,
  PINGREQ: 0xc0,
  PINGRESP: 0xd0,
  DISCONNECT: 0xe0,
  AUTH: 0xf0,
} as const

export type PacketName = keyof typeof PACKETS

/** Only a server sends these. */
export const SERVER_PACKETS: readonly PacketName[] = ['CONNACK', 'SUBACK', 'UNSUBACK', 'PINGRESP']

export function hex(...bytes: number[]): Buffer {
  return Buffer.from(bytes)
}

export function uint16(value: number): Buffer {
  return hex(value >> 8, value & 0xff)
}

export function uint32(value: number): Buffer {
  return hex(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff)
}

export function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    bytes.push(rest > 0 ? low + 128 : low)
  } while (rest > 0)
  return hex(...bytes)
}

/** A string or bytes with their two-byte length. */
export function text(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint16(bytes.length), bytes])
}

/** Properties with their length. */
export function properties(...parts: Uint8Array[]): Buffer {
  const bytes = Buffer.concat(parts)
  return Buffer.concat([varint(bytes.length), bytes])
}

/** A packet of these parts with its remaining length. */
export function packet(header: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([hex(header), varint(body.length), body])
}

/** Property length 0 in MQTT 5, nothing before. */
export function noProperties(version: Version): Buffer {
  return version === 5 ? hex(0) : hex()
}

/** Protocol name and level. */
export function protocol(version: Version): Buffer {
  return Buffer.concat([text(version === 3 ? 'MQIsdp' : 'MQTT'), hex(version)])
}

/** A CONNECT with clean start and these parts after the keep alive (and the properties of MQTT 5). */
export function connect(version: Version, flags: number, rest: readonly Uint8Array[], props: Uint8Array = noProperties(version)): Buffer {
  return packet(PACKETS.CONNECT, protocol(version), hex(flags), uint16(60), props, ...rest)
}

export function byte(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`
}

let ids = 0

/** A client identifier that no other case has: cases run side by side, and none is to take over another's session. */
export function anyId(): Buffer {
  return text(`case${ids++}`)
}
