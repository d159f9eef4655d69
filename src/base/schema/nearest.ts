/** The nearest known word to one that is not known. */

const WORD_CHARS_MAX = 64

/**
 * The candidate that `word` was most likely meant to be, or undefined if none is near. Case and the choice of
 * `-`, `_` or camelCase do not count; otherwise about one slip (a letter more, less, other, or two
 * exchanged) in three letters is forgiven.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > WORD_CHARS_MAX) return undefined
  const wanted = bare(word)
  const allowed = Math.max(1, Math.floor(wanted.length / 3))
  let best: string | undefined
  let bestDistance = allowed + 1
  for (const candidate of candidates) {
    const found = slips(wanted, bare(candidate))
    if (found < bestDistance) {
      best = candidate
      bestDistance = found
    }
  }
  return best
}

/** Whether two words differ in case and separators alone. */
export function sameWord(left: string, right: string): boolean {
  return bare(left) === bare(right)
}

/** A hint for an unknown word: `did you mean "bind"?`, or the candidates if they are few, or undefined. */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  const found = nearest(word, candidates)
  if (found !== undefined) return `did you mean ${JSON.stringify(found)}?`
  if (candidates.length === 0 || candidates.length > 8) return undefined
  return `known: ${candidates.join(', ')}`
}

function bare(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, '')
}

/** The optimal string alignment distance: insertions, deletions, substitutions and exchanges of neighbours. */
function slips(left: string, right: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const cost = left[row - 1] === right[column - 1] ? 0 : 1
      let least = Math.min(last[column] + 1, current[column - 1] + 1, last[column - 1] + cost)
      const exchanged = row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (exchanged) least = Math.min(least, beforeLast[column - 2] + 1)
      current.push(least)
    }
    beforeLast = last
    last = current
  }
  return last[right.length]
}
