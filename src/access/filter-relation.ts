/**
 * How two topic filters relate, level by level. A topic name is a filter without wildcards. A leading wildcard matches
 * no topic that begins with `$` [MQTT-4.7.2-1].
 */

/** Whether every topic that `inner` matches is matched by `outer`. */
export function covers(outer: readonly string[], inner: readonly string[]): boolean {
  return matches(outer, inner, false)
}

/** Whether `filter` is matched by `pattern` as if it were a topic name: its wildcards are levels like others. */
export function coversText(pattern: readonly string[], filter: readonly string[]): boolean {
  return matches(pattern, filter, true)
}

function matches(outer: readonly string[], inner: readonly string[], asText: boolean): boolean {
  for (let i = 0; ; i++) {
    const level = outer[i]
    if (level === '#') return i > 0 || !isSystem(inner)
    if (i === inner.length || i === outer.length) return inner.length === outer.length
    if (level === '+') {
      if ((!asText && inner[i] === '#') || (i === 0 && isSystem(inner))) return false
    } else if (level !== inner[i]) return false
  }
}

/** Whether some topic is matched by both. */
export function overlaps(a: readonly string[], b: readonly string[]): boolean {
  if ((isWild(a[0]) && isSystem(b)) || (isWild(b[0]) && isSystem(a))) return false
  for (let i = 0; ; i++) {
    if (a[i] === '#' || b[i] === '#') return true
    if (i === a.length || i === b.length) return a.length === b.length
    if (a[i] !== b[i] && a[i] !== '+' && b[i] !== '+') return false
  }
}

function isSystem(levels: readonly string[]): boolean {
  return levels[0].startsWith('$')
}

function isWild(level: string): boolean {
  return level === '+' || level === '#'
}
