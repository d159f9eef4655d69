/** What one publisher sent, as the upstream saw it: sequence numbers in their order of arrival. */

/** How the order of arrivals was broken, in words; empty when it was kept. */
export interface Verdict {
  faults: string[]
  /** Arrivals of numbers that had arrived before. */
  repeats: number
  /** Different numbers that arrived. */
  distinct: number
  /** Repetitions that ended before the newest number. */
  cutShort: number
}

const FAULTS_SHOWN = 5

/**
 * Order by first arrival, at least once: numbers arrive for the first time in rising order, and what comes again
 * repeats a suffix: from some earlier number on, the numbers that had followed it follow again, up to the newest
 * (or up to another jump back). With `gapsAllowed` numbers may be missing; and since of what nobody sends again the
 * newest may have left before the commit that a crash prevented, a repetition may end before it: `cutShort` counts that,
 * which can happen once for every crash.
 */
export function atLeastOnce(arrivals: readonly number[], gapsAllowed = false): Verdict {
  const place = new Map<number, number>()
  const faults: string[] = []
  let newest = -1
  let at = -1
  let repeats = 0
  let cutShort = 0
  arrivals.forEach((number, i) => {
    const known = place.get(number)
    if (known === undefined) {
      const cut = at !== place.size - 1
      if (cut) cutShort++
      if (cut && !gapsAllowed) faults.push(`${number} came for the first time while a repetition was under way (arrival ${i})`)
      if (number <= newest) faults.push(`${number} came for the first time after ${newest} (arrival ${i})`)
      else if (!gapsAllowed && number !== newest + 1)
        faults.push(`${newest + 1} to ${number - 1} are missing before ${number} (arrival ${i})`)
      at = place.size
      place.set(number, at)
      newest = Math.max(newest, number)
      return
    }
    repeats++
    if (known > at + 1) faults.push(`${number} was repeated out of order (arrival ${i})`)
    at = known
  })
  return { faults: shown(faults), repeats, distinct: place.size, cutShort }
}

/** 0, 1, 2, … each once and nothing else. */
export function exactlyOnce(arrivals: readonly number[]): Verdict {
  const faults: string[] = []
  arrivals.forEach((number, i) => {
    if (number !== (i === 0 ? 0 : (arrivals[i - 1] as number) + 1))
      faults.push(`${number} after ${arrivals[i - 1] ?? 'nothing'} (arrival ${i})`)
  })
  const distinct = new Set(arrivals).size
  return { faults: shown(faults), repeats: arrivals.length - distinct, distinct, cutShort: 0 }
}

function shown(faults: readonly string[]): string[] {
  return faults.length <= FAULTS_SHOWN ? [...faults] : [...faults.slice(0, FAULTS_SHOWN), `and ${faults.length - FAULTS_SHOWN} more`]
}
