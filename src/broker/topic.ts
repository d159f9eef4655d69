/** Topic names and filters (`MQTT 5 §4.7`), for strings that are already valid UTF-8. */
import { STRING_BYTES_MAX } from '#base/limits.ts'

/** How many levels a name or filter has. */
export function levelCount(topic: string): number {
  let levels = 1
  for (let i = topic.indexOf('/'); i !== -1; i = topic.indexOf('/', i + 1)) levels++
  return levels
}

/** Whether this can be published on: not empty, no wildcard [MQTT-3.3.2-2], no NUL [MQTT-4.7.3-2], at most 65,535 bytes. */
export function isTopicName(topic: string): boolean {
  return fits(topic) && !/[+#\0]/.test(topic)
}

/** Whether this can be subscribed to: wildcards alone in their level [MQTT-4.7.1-2], `#` only last [MQTT-4.7.1-1]. */
export function isTopicFilter(filter: string): boolean {
  if (!fits(filter) || filter.includes('\0')) return false
  const levels = filter.split('/')
  return levels.every((level, i) => {
    if (level === '#') return i === levels.length - 1
    return level === '+' || !/[+#]/.test(level)
  })
}

/** Whether a filter has wildcards. */
export function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.includes('#')
}

/** Whether a name matches a filter; names that begin with `$` match no leading wildcard [MQTT-4.7.2-1]. */
export function topicMatches(filter: string, topic: string): boolean {
  const filterLevels = filter.split('/')
  const levels = topic.split('/')
  if (topic.startsWith('$') && (filterLevels[0] === '+' || filterLevels[0] === '#')) return false
  for (let i = 0; i < filterLevels.length; i++) {
    if (filterLevels[i] === '#') return true
    if (i >= levels.length || (filterLevels[i] !== '+' && filterLevels[i] !== levels[i])) return false
  }
  return filterLevels.length === levels.length
}

function fits(topic: string): boolean {
  if (topic.length === 0 || topic.length > STRING_BYTES_MAX) return false
  return topic.length * 3 <= STRING_BYTES_MAX || Buffer.byteLength(topic) <= STRING_BYTES_MAX
}
