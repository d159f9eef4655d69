/** Properties into a packet: measured and checked first, then written. */

import { unencodable } from './fault.ts'
import { VARINT_MAX, varintLength } from './frame.ts'
import { type Properties, type PropertyOwner, type PropertySpec, SPEC_OF_NAME } from './properties.ts'
import { topicFault } from './topic.ts'
import { binarySize, PacketWriter, requireInteger, textSize } from './writer.ts'

/** The bytes of `properties` without the property length; throws `encode-range` for what `owner` may not carry or a value that has no encoding. */
export function propertiesSize(properties: Properties | undefined, owner: PropertyOwner): number {
  if (properties === undefined) return 0
  let size = 0
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue
    const spec = SPEC_OF_NAME.get(name)
    if (spec === undefined) return unencodable(`there is no property ${name}`)
    if (!spec.owners.includes(owner)) unencodable(`a ${owner.toUpperCase()} has no property ${name}`)
    size += valueSize(spec, value, owner)
  }
  // §3.1.2.11.10
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    unencodable('authentication data without an authentication method')
  }
  return size
}

/** `size` bytes of properties together with the property length before them. */
export function sizeWithLength(size: number): number {
  return varintLength(size) + size
}

/** Writes the property length and the properties; `size` is what {@link propertiesSize} said. */
export function writeProperties(writer: PacketWriter, properties: Properties | undefined, size: number): void {
  writer.varint(size)
  writeValues(writer, properties)
}

/**
 * Properties as bytes, without the property length: what `publishFrame` takes and `decodeProperties` reads.
 * Throws `encode-range` as `encodePacket` does.
 */
export function encodeProperties(properties: Properties, owner: PropertyOwner = 'publish'): Uint8Array {
  const size = propertiesSize(properties, owner)
  if (size > VARINT_MAX) unencodable(`properties of ${size} bytes are more than MQTT allows`)
  const writer = new PacketWriter(size)
  writeValues(writer, properties)
  return writer.finish()
}

function valueSize(spec: PropertySpec, value: unknown, owner: PropertyOwner): number {
  const { kind, name } = spec
  switch (kind) {
    case 'flag':
      if (typeof value !== 'boolean') unencodable(`${name} is not true or false`)
      return 2
    case 'bit':
      requireInteger(value, 0, 1, name)
      return 2
    case 'uint16':
    case 'count16':
      requireInteger(value, kind === 'count16' ? 1 : 0, 0xffff, name)
      return 3
    case 'uint32':
    case 'count32':
      requireInteger(value, kind === 'count32' ? 1 : 0, 0xffff_ffff, name)
      return 5
    case 'countVarint':
      return identifiersSize(value, owner)
    case 'binary':
      if (!(value instanceof Uint8Array)) return unencodable(`${name} is not bytes`)
      return 1 + binarySize(value, name)
    case 'textPair':
      return pairsSize(value)
    default:
      return 1 + stringSize(spec, value)
  }
}

function stringSize({ kind, name }: PropertySpec, value: unknown): number {
  if (typeof value !== 'string') return unencodable(`${name} is not a string`)
  // [MQTT-3.3.2-14]
  const wrong = kind === 'topic' ? topicFault(value) : undefined
  if (wrong !== undefined) unencodable(`${name}: ${wrong}`)
  return textSize(value, name)
}

function identifiersSize(value: unknown, owner: PropertyOwner): number {
  if (!Array.isArray(value)) return unencodable('subscriptionIdentifier is not a list')
  // §3.8.2.1.2: a SUBSCRIBE has one.
  if (owner === 'subscribe' && value.length > 1) unencodable('a SUBSCRIBE has at most one subscriptionIdentifier')
  let size = 0
  for (const identifier of value) size += 1 + varintLength(requireInteger(identifier, 1, VARINT_MAX, 'subscriptionIdentifier'))
  return size
}

function pairsSize(value: unknown): number {
  if (!Array.isArray(value)) return unencodable('userProperties is not a list')
  let size = 0
  for (const pair of value) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string' || typeof pair[1] !== 'string') {
      return unencodable('a user property is not a pair of strings')
    }
    size += 1 + textSize(pair[0], 'the name of a user property') + textSize(pair[1], 'the value of a user property')
  }
  return size
}

function writeValues(writer: PacketWriter, properties: Properties | undefined): void {
  if (properties === undefined) return
  for (const [name, value] of Object.entries(properties)) {
    if (value !== undefined) writeValue(writer, SPEC_OF_NAME.get(name)!, value)
  }
}

/** Writes a value that {@link valueSize} has checked. */
function writeValue(writer: PacketWriter, { id, kind }: PropertySpec, value: unknown): void {
  switch (kind) {
    case 'countVarint':
      for (const identifier of value as number[]) {
        writer.uint8(id)
        writer.varint(identifier)
      }
      return
    case 'textPair':
      for (const [name, text] of value as [string, string][]) {
        writer.uint8(id)
        writer.text(name)
        writer.text(text)
      }
      return
  }
  writer.uint8(id)
  switch (kind) {
    case 'flag':
    case 'bit':
      writer.uint8(Number(value))
      break
    case 'uint16':
    case 'count16':
      writer.uint16(value as number)
      break
    case 'uint32':
    case 'count32':
      writer.uint32(value as number)
      break
    case 'binary':
      writer.binary(value as Uint8Array)
      break
    default:
      writer.text(value as string)
  }
}
