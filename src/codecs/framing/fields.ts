/** What a parser finds in a line: named values, numbers recognised. */

/** One value. `text` is as it stood in the line, so that nothing is lost to rounding; `value` is what it means. */
export interface Field {
  readonly text: string
  readonly value: string | number | boolean | null
}

/** Values by name, in the line's order. */
export type Fields = ReadonlyMap<string, Field>

/** Takes a line's text apart. One parser serves a whole line of its own device; it keeps no state between lines. */
export interface LineParser {
  /**
   * The fields, or undefined if the line is none of those meant (the pattern does not match).
   * @throws GatewayError `decode-malformed` with the place in the text
   */
  parse(line: string): Fields | undefined
}

/** Values of one line at most; more is malformed. */
export const FIELDS_MAX = 1024

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/

/** The number that a text is in decimal notation (`-12`, `+0007.50`, `.5`, `1e-3`), or undefined. */
export function recogniseNumber(text: string): number | undefined {
  if (text.length > 64 || !NUMBER.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** A field from text that carries no type of its own; spaces around it do not count. */
export function textField(raw: string): Field {
  const text = raw.trim()
  return { text, value: recogniseNumber(text) ?? text }
}
