/** Whether a text is the wanted one, in which `*` stands for any characters, also none. Without `wanted` every text is. */
export function textPattern(wanted: string | undefined): (text: string) => boolean {
  if (wanted === undefined) return () => true
  if (!wanted.includes('*')) return text => text === wanted
  const parts = wanted.split('*')
  return text => matches(parts, text)
}

/** Greedy from the left, so that the time grows with the text and not with its ways to match. */
function matches(parts: readonly string[], text: string): boolean {
  const first = parts[0]
  const last = parts[parts.length - 1]
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
  const end = text.length - last.length
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
