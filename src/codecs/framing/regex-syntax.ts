/**
 * The syntax tree of a regular expression, as far as a line's pattern needs one. What is not known here
 * (backreferences, inline flags, property classes) is refused: what cannot be judged cannot be allowed.
 */
import { GatewayError } from '#base/errors.ts'

/** Characters as a bit set: bits 0–255 for themselves, bit 256 for all others. */
export type CharSet = bigint

export const ALL_CHARS: CharSet = (1n << 257n) - 1n

export type RegexNode =
  | { kind: 'chars'; set: CharSet }
  /** `^`, `$`, `\b`, `\B`: match a place. */
  | { kind: 'assertion'; start: boolean }
  | { kind: 'look'; body: RegexNode }
  | { kind: 'sequence'; parts: RegexNode[] }
  | { kind: 'alternatives'; options: RegexNode[] }
  | { kind: 'repeat'; body: RegexNode; min: number; max: number }

/** How deep groups may be nested. */
const DEPTH_MAX = 32

const range = (from: number, to: number): CharSet => {
  let set = 0n
  for (let code = from; code <= Math.min(to, 255); code++) set |= 1n << BigInt(code)
  return to > 255 ? set | (1n << 256n) : set
}
const union = (...codes: number[]): CharSet => codes.reduce((set, code) => set | range(code, code), 0n)

const DIGITS = range(0x30, 0x39)
const WORD = DIGITS | range(0x41, 0x5a) | range(0x61, 0x7a) | union(0x5f)
const SPACE = range(0x09, 0x0d) | union(0x20, 0xa0) | (1n << 256n)
const LINE_END = union(0x0a, 0x0d)
/** Complements keep bit 256: of the characters above 255, some are in each class and some are not. */
const CLASSES: Readonly<Record<string, CharSet>> = {
  d: DIGITS,
  D: ALL_CHARS & ~DIGITS,
  w: WORD,
  W: ALL_CHARS & ~WORD,
  s: SPACE,
  S: (ALL_CHARS & ~SPACE) | (1n << 256n),
}
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13 }

/**
 * Reads a pattern that the engine has already accepted.
 * @throws GatewayError `config-invalid` for constructs that are not allowed in a line's pattern
 */
export function parseRegex(pattern: string): RegexNode {
  const reader = new PatternReader(pattern)
  const tree = reader.alternatives(0)
  if (!reader.atEnd) throw reader.fault('unmatched )')
  return tree
}

class PatternReader {
  readonly #pattern: string
  #at = 0

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  get atEnd(): boolean {
    return this.#at >= this.#pattern.length
  }

  fault(what: string): GatewayError {
    return new GatewayError('config-invalid', `pattern: ${what} at character ${this.#at + 1}`)
  }

  alternatives(depth: number): RegexNode {
    if (depth > DEPTH_MAX) throw this.fault('groups are nested too deep')
    const options = [this.#sequence(depth)]
    while (this.#take('|')) options.push(this.#sequence(depth))
    return options.length === 1 ? options[0]! : { kind: 'alternatives', options }
  }

  #sequence(depth: number): RegexNode {
    const parts: RegexNode[] = []
    while (!this.atEnd && this.#pattern[this.#at] !== '|' && this.#pattern[this.#at] !== ')') {
      parts.push(this.#quantified(this.#term(depth)))
    }
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
  }

  #take(text: string): boolean {
    if (!this.#pattern.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #term(depth: number): RegexNode {
    if (this.#take('(')) return this.#group(depth)
    if (this.#take('[')) return { kind: 'chars', set: this.#charClass() }
    if (this.#take('.')) return { kind: 'chars', set: ALL_CHARS & ~LINE_END }
    if (this.#take('^')) return { kind: 'assertion', start: true }
    if (this.#take('$')) return { kind: 'assertion', start: false }
    if (this.#take('\\b') || this.#take('\\B')) return { kind: 'assertion', start: false }
    return { kind: 'chars', set: this.#character() }
  }

  #group(depth: number): RegexNode {
    let look = false
    if (this.#take('?')) {
      if (this.#take('=') || this.#take('!') || this.#take('<=') || this.#take('<!')) look = true
      else if (this.#take('<')) this.#at = this.#pattern.indexOf('>', this.#at) + 1
      else if (!this.#take(':')) throw this.fault('this kind of group is not supported')
    }
    const body = this.alternatives(depth + 1)
    if (!this.#take(')')) throw this.fault('missing )')
    return look ? { kind: 'look', body } : body
  }

  #quantified(body: RegexNode): RegexNode {
    const bounds = this.#bounds()
    if (bounds === undefined) return body
    this.#take('?')
    const [min, max] = bounds
    return { kind: 'repeat', body, min, max }
  }

  #bounds(): [number, number] | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY]
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY]
    if (this.#take('?')) return [0, 1]
    const counted = /^\{(\d+)(,(\d*))?\}/.exec(this.#pattern.slice(this.#at, this.#at + 32))
    if (counted === null) return undefined
    this.#at += counted[0].length
    const min = Number(counted[1])
    if (counted[2] === undefined) return [min, min]
    return [min, counted[3] === '' ? Number.POSITIVE_INFINITY : Number(counted[3])]
  }

  /** One character or class escape, outside or inside brackets. */
  #character(): CharSet {
    if (!this.#take('\\')) {
      const code = this.#pattern.charCodeAt(this.#at++)
      return range(code, code)
    }
    const letter = this.#pattern[this.#at++] ?? '\\'
    const named = CLASSES[letter]
    if (named !== undefined) return named
    const control = CONTROLS[letter]
    if (control !== undefined) return union(control)
    if (letter === '0' && !/[0-9]/.test(this.#pattern[this.#at] ?? '')) return union(0)
    if (letter === 'x') return this.#codeEscape(2)
    if (letter === 'u') return this.#codeEscape(4)
    if (/[0-9A-Za-z]/.test(letter)) throw this.fault(`\\${letter} is not supported`)
    return range(letter.charCodeAt(0), letter.charCodeAt(0))
  }

  #codeEscape(digits: number): CharSet {
    const text = this.#pattern.slice(this.#at, this.#at + digits)
    if (text.length !== digits || !/^[0-9a-fA-F]+$/.test(text)) throw this.fault('unfinished escape')
    this.#at += digits
    const code = Number.parseInt(text, 16)
    return range(code, code)
  }

  #charClass(): CharSet {
    const negated = this.#take('^')
    let set = 0n
    while (!this.#take(']')) {
      if (this.atEnd) throw this.fault('missing ]')
      const before = this.#at
      const first = this.#take('\\b') ? union(8) : this.#character()
      if (this.#pattern[this.#at] === '-' && this.#pattern[this.#at + 1] !== ']' && isSingle(first)) {
        this.#at++
        const last = this.#character()
        // A range above Latin-1 is judged as "any other character", one between single bytes exactly.
        set |= isSingle(last) ? range(lowest(first), lowest(last)) : first | last | union(0x2d)
      } else set |= first
      if (this.#at === before) throw this.fault('unreadable class')
    }
    // Bit 256 stands for many characters: a negated class still has some of them.
    return negated ? (ALL_CHARS & ~set) | (1n << 256n) : set
  }
}

function isSingle(set: CharSet): boolean {
  return set !== 0n && (set & (set - 1n)) === 0n
}

function lowest(set: CharSet): number {
  return set.toString(2).length - 1
}
