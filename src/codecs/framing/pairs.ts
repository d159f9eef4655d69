import { FIELDS_MAX, type Field, type Fields, type LineParser, recogniseNumber } from './fields.ts'

const PAIR = /^([A-Za-z][\w.-]{0,63})[=:](.{0,256})$/
const MEASURE = /^([-+]?[0-9]{0,20}\.?[0-9]{0,20}) ?([A-Za-z%/°]{0,8})$/

/**
 * Lines of `NAME=VALUE` or `NAME:VALUE` with commas, semicolons or spaces between them, in any order: `0R0,Ta=21.6C,Ua=36.4P`. A unit
 * behind a number is left out. What is no such pair is passed over; a value that ends with `#`, as Vaisala marks one that is none, too.
 */
export class PairParser implements LineParser {
  parse(line: string): Fields | undefined {
    const fields = new Map<string, Field>()
    for (const part of line.split(/[,; \t\r\n]/, FIELDS_MAX)) {
      const found = PAIR.exec(part)
      if (found === null || found[2]!.endsWith('#')) continue
      fields.set(found[1]!, measure(found[2]!))
    }
    return fields.size > 0 ? fields : undefined
  }
}

function measure(text: string): Field {
  const number = MEASURE.exec(text)?.[1]
  const value = number === undefined ? undefined : recogniseNumber(number)
  return value === undefined ? { text, value: text } : { text: number!, value }
}
