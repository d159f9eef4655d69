/** Where a value came from, and what is wrong with it. */

/** The input that a value or a key came from. Lines and columns count from 1, columns in UTF-16 units. */
export type Origin =
  | { readonly from: 'default' }
  | { readonly from: 'file'; readonly file: string; readonly line: number; readonly column: number }
  | { readonly from: 'environment'; readonly variable: string }
  | { readonly from: 'argument' }

/** A key as its parts; places in lists are numbers from 0. */
export type KeyPath = readonly (string | number)[]

/** One thing that is wrong with a configuration. */
export interface Fault {
  readonly origin: Origin
  /** Empty where no key can be told, as in most syntax errors. */
  readonly key: string
  readonly message: string
  /** What to do about it. */
  readonly hint?: string | undefined
}

export const DEFAULT: Origin = { from: 'default' }

/** `/etc/tidegate/tidegate.toml:12:8`, `environment TIDEGATE_LIMITS__MAX_PACKET`, `--set` or `default`. */
export function showOrigin(origin: Origin): string {
  switch (origin.from) {
    case 'file':
      return `${origin.file}:${origin.line}:${origin.column}`
    case 'environment':
      return `environment ${origin.variable}`
    case 'argument':
      return '--set'
    default:
      return 'default'
  }
}

/** One line: `FILE:LINE:COLUMN: KEY: what is wrong (hint)`. */
export function showFault(fault: Fault): string {
  const key = fault.key === '' ? '' : `${fault.key}: `
  const hint = fault.hint === undefined ? '' : ` (${fault.hint})`
  return `${showOrigin(fault.origin)}: ${key}${fault.message}${hint}`
}

/** `bridges.cloud.out.0.from`: the key as `--set` takes it. Parts that are no plain names are quoted as in TOML. */
export function showKey(path: KeyPath): string {
  return path.map(part => (typeof part === 'number' || /^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part))).join('.')
}

/** The order of inputs: a later one overrides an earlier one. */
export function rankOf(origin: Origin): number {
  return ['default', 'file', 'environment', 'argument'].indexOf(origin.from)
}

/** Faults in the order in which a person goes through them: the file from its top, the environment, the arguments. */
export function inReadingOrder(faults: readonly Fault[]): Fault[] {
  return faults.toSorted((left, right) => {
    const byRank = rankOf(left.origin) - rankOf(right.origin)
    if (byRank !== 0 || left.origin.from !== 'file' || right.origin.from !== 'file') return byRank
    return left.origin.line - right.origin.line || left.origin.column - right.origin.column
  })
}
