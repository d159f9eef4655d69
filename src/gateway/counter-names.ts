/** Counters under the names that status shows: `sendErrors` as `send-errors`. */
export function kebab(counters: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counters).map(([name, value]) => [name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`), value]),
  )
}

/** Names with something before them. */
export function prefixed(prefix: string, counters: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).map(([name, value]) => [prefix + name, value]))
}
