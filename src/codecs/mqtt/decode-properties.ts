/** Properties out of a packet: checked first on the bytes, without objects, then read. */

import { fault, malformed, protocolError } from './fault.ts'
import { readVarint } from './frame.ts'
import { kindOfId, OWNER_BITS, ownersOfId, PROPERTY_KINDS, type Properties, type PropertyOwner, SPEC_OF_ID } from './properties.ts'
import { REASON_CODES } from './reason-codes.ts'
import { checkTopicBytes } from './topic.ts'
import { ASCII, scanUtf8, sliceUtf8 } from './utf8.ts'

const SUBSCRIPTION_IDENTIFIER = 0x0b
const AUTHENTICATION_METHOD = 0x15
const AUTHENTICATION_DATA = 0x16
const TOPIC_ALIAS = 0x23
const USER_PROPERTY = 0x26

/**
 * Checks properties in place: identifiers, what `owner` may carry, duplicates, types, ranges, UTF-8. `start` to `end`
 * is without the property length. Returns the topic alias, which a PUBLISH needs at once, or 0 without one. Throws a
 * decode error whose offset counts from `origin`.
 */
export function checkProperties(bytes: Uint8Array, start: number, end: number, owner: PropertyOwner, origin: number = start): number {
  const ownerBit = OWNER_BITS[owner]
  let position = start
  let topicAlias = 0
  let seenLow = 0
  let seenHigh = 0
  while (position < end) {
    // The identifier is a variable byte integer, but all that are defined fit one byte; what is longer is unknown.
    const id = bytes[position]
    // §2.2.2.2: an identifier that is not valid for its packet type makes the packet malformed.
    if ((ownersOfId(id) & ownerBit) === 0) malformed(`a ${owner.toUpperCase()} has no property 0x${hex(id)}`, position - origin)
    const bit = 1 << (id & 31)
    const seen = id < 32 ? seenLow : seenHigh
    if ((seen & bit) !== 0 && !isRepeatable(id, owner)) protocolError(`property 0x${hex(id)} appears twice`, position - origin)
    if (id < 32) seenLow |= bit
    else seenHigh |= bit
    const next = checkValue(bytes, position + 1, end, id, origin)
    if (id === TOPIC_ALIAS) topicAlias = uint16(bytes, position + 1)
    position = next
  }
  // §3.1.2.11.10
  if ((seenLow & (1 << AUTHENTICATION_DATA)) !== 0 && (seenLow & (1 << AUTHENTICATION_METHOD)) === 0) {
    protocolError('authentication data without an authentication method', start - origin)
  }
  return topicAlias
}

/** Only user properties, and in a PUBLISH subscription identifiers, may appear more than once (§3.3.2.3.8). */
function isRepeatable(id: number, owner: PropertyOwner): boolean {
  return id === USER_PROPERTY || (id === SUBSCRIPTION_IDENTIFIER && owner === 'publish')
}

/** Checks the value at `position` and returns the position after it. */
function checkValue(bytes: Uint8Array, position: number, end: number, id: number, origin: number): number {
  switch (kindOfId(id)) {
    case PROPERTY_KINDS.flag:
    case PROPERTY_KINDS.bit:
      if (position >= end) endsInside(id, position, origin)
      if (bytes[position] > 1) protocolError(`property 0x${hex(id)} is neither 0 nor 1`, position - origin)
      return position + 1
    case PROPERTY_KINDS.uint16:
      if (position + 2 > end) endsInside(id, position, origin)
      return position + 2
    case PROPERTY_KINDS.count16:
      if (position + 2 > end) endsInside(id, position, origin)
      if (uint16(bytes, position) === 0) isZero(id, position, origin)
      return position + 2
    case PROPERTY_KINDS.uint32:
      if (position + 4 > end) endsInside(id, position, origin)
      return position + 4
    case PROPERTY_KINDS.count32:
      if (position + 4 > end) endsInside(id, position, origin)
      if (uint32(bytes, position) === 0) isZero(id, position, origin)
      return position + 4
    case PROPERTY_KINDS.countVarint: {
      const read = readVarint(bytes, position, end, origin)
      if (read >>> 2 === 0) isZero(id, position, origin)
      return position + (read & 3) + 1
    }
    case PROPERTY_KINDS.binary:
      return fieldEnd(bytes, position, end, id, origin)
    case PROPERTY_KINDS.topic: {
      const next = fieldEnd(bytes, position, end, id, origin)
      // [MQTT-3.3.2-14]
      checkTopicBytes(bytes, position + 2, next, origin)
      return next
    }
    case PROPERTY_KINDS.text:
      return checkText(bytes, position, end, id, origin)
    default:
      return checkText(bytes, checkText(bytes, position, end, id, origin), end, id, origin)
  }
}

function checkText(bytes: Uint8Array, position: number, end: number, id: number, origin: number): number {
  const next = fieldEnd(bytes, position, end, id, origin)
  const scan = scanUtf8(bytes, position + 2, next)
  if (scan >= 0) malformed(`property 0x${hex(id)} is not well-formed UTF-8 or holds U+0000`, scan - origin)
  return next
}

/** Where the field with a two-byte length at `position` ends. */
function fieldEnd(bytes: Uint8Array, position: number, end: number, id: number, origin: number): number {
  // A length that is itself cut puts the end beyond too.
  const next = position + 2 + uint16(bytes, position)
  if (next > end) endsInside(id, position, origin)
  return next
}

function endsInside(id: number, position: number, origin: number): never {
  malformed(`the properties end inside property 0x${hex(id)}`, position - origin)
}

function isZero(id: number, position: number, origin: number): never {
  // [MQTT-3.3.2-8]
  const reason = id === TOPIC_ALIAS ? REASON_CODES.topicAliasInvalid : REASON_CODES.protocolError
  fault(reason, `property 0x${hex(id)} is 0`, position - origin)
}

function uint16(bytes: Uint8Array, position: number): number {
  return (bytes[position] << 8) | bytes[position + 1]
}

function uint32(bytes: Uint8Array, position: number): number {
  return ((bytes[position] << 24) | (bytes[position + 1] << 16) | (bytes[position + 2] << 8) | bytes[position + 3]) >>> 0
}

function hex(id: number): string {
  return id.toString(16).padStart(2, '0')
}

/**
 * Reads properties, for example those that `scanPublish` found. `start` to `end` is without the property length; binary
 * values are views of `bytes`. Throws a decode error (offset from `origin`, by default `start`) when they break the rules
 * of `owner`.
 */
export function decodeProperties(
  bytes: Uint8Array,
  start: number,
  end: number,
  owner: PropertyOwner = 'publish',
  origin: number = start,
): Properties {
  checkProperties(bytes, start, end, owner, origin)
  return readProperties(bytes, start, end)
}

/** Reads properties that {@link checkProperties} has passed. */
export function readProperties(bytes: Uint8Array, start: number, end: number): Properties {
  const properties: Properties = {}
  let position = start
  while (position < end) position = readProperty(bytes, position, properties)
  return properties
}

/** Reads one checked property into `properties` and returns the position after it. */
function readProperty(bytes: Uint8Array, idPosition: number, properties: Properties): number {
  const id = bytes[idPosition]
  const position = idPosition + 1
  const name = SPEC_OF_ID[id]!.name
  // The table ties each name to its kind, which the type of an index by name cannot express.
  const target = properties as Record<string, unknown>
  switch (kindOfId(id)) {
    case PROPERTY_KINDS.flag:
      target[name] = bytes[position] === 1
      return position + 1
    case PROPERTY_KINDS.bit:
      target[name] = bytes[position]
      return position + 1
    case PROPERTY_KINDS.uint16:
    case PROPERTY_KINDS.count16:
      target[name] = uint16(bytes, position)
      return position + 2
    case PROPERTY_KINDS.uint32:
    case PROPERTY_KINDS.count32:
      target[name] = uint32(bytes, position)
      return position + 4
    case PROPERTY_KINDS.countVarint: {
      const read = readVarint(bytes, position, bytes.length, 0)
      ;(properties.subscriptionIdentifier ??= []).push(read >>> 2)
      return position + (read & 3) + 1
    }
    case PROPERTY_KINDS.binary: {
      const end = position + 2 + uint16(bytes, position)
      target[name] = bytes.subarray(position + 2, end)
      return end
    }
    case PROPERTY_KINDS.textPair: {
      const nameEnd = position + 2 + uint16(bytes, position)
      const end = nameEnd + 2 + uint16(bytes, nameEnd)
      ;(properties.userProperties ??= []).push([text(bytes, position, nameEnd), text(bytes, nameEnd, end)])
      return end
    }
    default: {
      const end = position + 2 + uint16(bytes, position)
      target[name] = text(bytes, position, end)
      return end
    }
  }
}

function text(bytes: Uint8Array, position: number, end: number): string {
  return sliceUtf8(bytes, position + 2, end, scanUtf8(bytes, position + 2, end) === ASCII)
}
