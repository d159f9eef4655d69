/** Topic names and topic filters (MQTT 5 §4.7, §4.8.2). */

import { malformed, protocolError } from './fault.ts'
import { ASCII, scanUtf8 } from './utf8.ts'

const PLUS = 0x2b
const HASH = 0x23

/**
 * Validates a topic name in place: not empty, well-formed UTF-8, no wildcards. Returns whether it is nothing but ASCII.
 * Throws a decode error whose offset counts from `origin` (the name's own start when none is given).
 */
export function checkTopicBytes(bytes: Uint8Array, start: number, end: number, origin: number = start): boolean {
  // [MQTT-4.7.3-1], §3.3.2.1
  if (start === end) protocolError('the topic name is empty', start - origin)
  const scan = scanUtf8(bytes, start, end)
  // [MQTT-1.5.4-1], [MQTT-1.5.4-2]
  if (scan >= 0) malformed('the topic name is not well-formed UTF-8 or holds U+0000', scan - origin)
  for (let position = start; position < end; position += 1) {
    const byte = bytes[position]
    // [MQTT-3.3.2-2], [MQTT-4.7.1-1]. Not 0x90, which is for a name that is correctly formed but not accepted.
    if (byte === PLUS || byte === HASH) malformed('the topic name holds a wildcard', position - origin)
  }
  return scan === ASCII
}

/** What is wrong with the syntax of a topic name, or undefined. The name is taken to be well-formed Unicode without U+0000. */
export function topicFault(topic: string): string | undefined {
  if (topic === '') return 'the topic name is empty'
  return topic.includes('+') || topic.includes('#') ? 'the topic name holds a wildcard' : undefined
}

/**
 * What is wrong with the syntax of a topic filter, or undefined. Filters that begin with `$share/` are held to the rules
 * of shared subscriptions in every version, since the gateway serves them in every version.
 */
export function filterFault(filter: string): string | undefined {
  // [MQTT-4.7.3-1]
  if (filter === '') return 'the topic filter is empty'
  return isSharedFilter(filter) ? sharedFault(filter) : wildcardFault(filter)
}

/** Whether the filter asks for a shared subscription (MQTT 5 §4.8.2). */
export function isSharedFilter(filter: string): boolean {
  return filter.startsWith('$share/')
}

function sharedFault(filter: string): string | undefined {
  const nameStart = '$share/'.length
  const nameEnd = filter.indexOf('/', nameStart)
  // [MQTT-4.8.2-1]
  if (nameEnd === nameStart || filter.length === nameStart) return 'the share name is empty'
  // [MQTT-4.8.2-2]
  if (nameEnd < 0 || nameEnd === filter.length - 1) return 'the shared subscription has no topic filter'
  if (/[+#]/.test(filter.slice(nameStart, nameEnd))) return 'the share name holds a wildcard'
  return wildcardFault(filter.slice(nameEnd + 1))
}

function wildcardFault(filter: string): string | undefined {
  const hash = filter.indexOf('#')
  // [MQTT-4.7.1-1]
  if (hash >= 0 && hash !== filter.length - 1) return 'the wildcard # is not at the end of the topic filter'
  if (hash > 0 && filter[hash - 1] !== '/') return 'the wildcard # does not fill its level'
  for (let plus = filter.indexOf('+'); plus >= 0; plus = filter.indexOf('+', plus + 1)) {
    // [MQTT-4.7.1-2]
    const alone = (plus === 0 || filter[plus - 1] === '/') && (plus === filter.length - 1 || filter[plus + 1] === '/')
    if (!alone) return 'the wildcard + does not fill its level'
  }
  return undefined
}
