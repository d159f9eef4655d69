import { GatewayError } from '#base/errors.ts'
import { FIELDS_MAX, type Field, type Fields, type LineParser, textField } from './fields.ts'

export interface CsvOptions {
  /** Names of the columns in order; an empty name leaves its column out. */
  columns: readonly string[]
  /** One character between values; a space or tab counts once however often it is repeated. Default `,`. */
  separator?: string
  /** The character around a value that may hold separators; doubled inside, it stands for itself (`RFC 4180`). Empty: none. Default `"`. */
  quote?: string
}

/** Lines of separated values. A line with another number of values than columns is malformed: a value could land under a wrong name. */
export class CsvParser implements LineParser {
  readonly #columns: readonly string[]
  readonly #separator: string
  readonly #quote: string
  readonly #repeats: boolean

  /** @throws GatewayError `config-invalid` */
  constructor(options: CsvOptions) {
    const { columns, separator = ',', quote = '"' } = options
    if (columns.length === 0 || columns.length > FIELDS_MAX)
      throw new GatewayError('config-invalid', `columns names 1 to ${FIELDS_MAX} columns`)
    const named = columns.filter(name => name !== '')
    const twice = named.find((name, index) => named.indexOf(name) !== index)
    if (twice !== undefined) throw new GatewayError('config-invalid', `column "${twice}" is named twice`)
    if (separator.length !== 1) throw new GatewayError('config-invalid', 'separator is one character')
    if (quote.length > 1 || quote === separator)
      throw new GatewayError('config-invalid', 'quote is one character other than the separator, or empty')
    this.#columns = columns
    this.#separator = separator
    this.#quote = quote
    this.#repeats = separator === ' ' || separator === '\t'
  }

  parse(line: string): Fields {
    const values = this.#split(this.#repeats ? line.trim() : line)
    // A separator after the last value is common and means nothing.
    if (values.length === this.#columns.length + 1 && values[values.length - 1]!.text === '') values.pop()
    if (values.length !== this.#columns.length) {
      throw new GatewayError('decode-malformed', `${values.length} values where ${this.#columns.length} are expected`, {
        offset: line.length,
      })
    }
    const fields = new Map<string, Field>()
    for (let i = 0; i < values.length; i++) if (this.#columns[i] !== '') fields.set(this.#columns[i]!, values[i]!)
    return fields
  }

  #split(line: string): Field[] {
    const values: Field[] = []
    let at = 0
    for (;;) {
      if (values.length > this.#columns.length) return values
      const opening = this.#skipSpaces(line, at)
      if (this.#quote !== '' && line[opening] === this.#quote) {
        const [text, end] = this.#quoted(line, opening)
        values.push({ text, value: text })
        at = end
      } else {
        const found = line.indexOf(this.#separator, at)
        const end = found < 0 ? line.length : found
        values.push(textField(line.slice(at, end)))
        at = end
      }
      if (at >= line.length) return values
      at++
      while (this.#repeats && line[at] === this.#separator) at++
    }
  }

  /** A quoted value's text and the place after it, which is a separator or the end. */
  #quoted(line: string, opening: number): [string, number] {
    const quote = this.#quote
    let text = ''
    let at = opening + 1
    for (;;) {
      const found = line.indexOf(quote, at)
      if (found < 0) throw new GatewayError('decode-malformed', 'a quoted value does not end', { offset: opening })
      text += line.slice(at, found)
      if (line[found + 1] !== quote) {
        const end = this.#skipSpaces(line, found + 1)
        if (end < line.length && line[end] !== this.#separator) {
          throw new GatewayError('decode-malformed', 'a quoted value is followed by something else than a separator', { offset: end })
        }
        return [text, end]
      }
      text += quote
      at = found + 2
    }
  }

  #skipSpaces(line: string, from: number): number {
    let at = from
    while (line[at] === ' ' && this.#separator !== ' ') at++
    return at
  }
}
