import { GatewayError } from '#base/errors.ts'
import { type Field, type Fields, type LineParser, textField } from './fields.ts'
import { inputLengthMax } from './regex-cost.ts'
import { parseRegex } from './regex-syntax.ts'

/** The longest pattern, in characters. */
export const PATTERN_LENGTH_MAX = 2048

/**
 * Lines that a regular expression (ECMAScript) describes; each named group is a field, and a group that took no
 * part in the match is left out. Patterns that can take very long on some line are refused when they are made.
 */
export class RegexParser implements LineParser {
  /** The names of the groups, in order. */
  readonly names: readonly string[]
  /** Lines longer than this are malformed: on them the pattern could take too long. */
  readonly lengthMax: number
  readonly #expression: RegExp

  /**
   * @param needsGroup whether a pattern without named group is refused
   * @throws GatewayError `config-invalid`
   */
  constructor(pattern: string, needsGroup = true) {
    if (pattern.length > PATTERN_LENGTH_MAX)
      throw new GatewayError('config-invalid', `pattern is longer than ${PATTERN_LENGTH_MAX} characters`)
    try {
      this.#expression = new RegExp(pattern)
      this.names = groupNames(pattern)
    } catch (cause) {
      throw new GatewayError('config-invalid', `pattern: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
    if (needsGroup && this.names.length === 0) {
      throw new GatewayError('config-invalid', 'pattern has no named group', {
        hint: 'name what is to be published: (?<temperature>[-.0-9]+)',
      })
    }
    this.lengthMax = inputLengthMax(parseRegex(pattern))
  }

  parse(line: string): Fields | undefined {
    if (line.length > this.lengthMax) {
      throw new GatewayError('decode-malformed', `longer than the ${this.lengthMax} characters that this pattern may be run on`, {
        offset: this.lengthMax,
      })
    }
    const found = this.#expression.exec(line)
    if (found === null) return undefined
    const { groups = {} } = found
    const fields = new Map<string, Field>()
    for (const name of this.names) {
      const text = groups[name]
      if (text !== undefined) fields.set(name, textField(text))
    }
    return fields
  }
}

/** The engine itself tells the names: with an empty alternative added, every text matches. Running it compiles it, which may fail for its size. */
function groupNames(pattern: string): string[] {
  return Object.keys(new RegExp(`${pattern}|`).exec('')?.groups ?? {})
}
