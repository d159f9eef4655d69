/** Options of a verb as a table: parsing, help, and later the man page and completion read it. */
import { isAbsolute, resolve } from 'node:path'
import { GatewayError } from '#base/errors.ts'
import { readDuration } from '#base/schema/quantity.ts'
import { suggest } from '#base/schema.ts'

/** One option; its long name is its key in the table. */
export interface Option<T = unknown> {
  /** One letter. */
  readonly short: string | undefined
  /** What stands for the value in help; undefined: the option takes none. */
  readonly placeholder: string | undefined
  readonly summary: string
  /** Whether it may be given more than once. */
  readonly repeatable: boolean
  /** Makes the value from the texts given, none if it was not. @throws GatewayError `usage` */
  read(texts: readonly string[], name: string): T
}

export type Options = { readonly [name: string]: Option }

/** The values of a table of options. */
export type Values<O> = { readonly [N in keyof O]: O[N] extends Option<infer T> ? T : never }

interface Common {
  short?: string
}

/** An option without value. */
export function flag(summary: string, { short }: Common = {}): Option<boolean> {
  return { short, placeholder: undefined, summary, repeatable: false, read: texts => texts.length > 0 }
}

/** An option with any text. */
export function text(placeholder: string, summary: string, { short }: Common = {}): Option<string | undefined> {
  return { short, placeholder, summary, repeatable: false, read: texts => texts.at(-1) }
}

/** An option that may be given several times. */
export function texts(placeholder: string, summary: string, { short }: Common = {}): Option<readonly string[]> {
  return { short, placeholder, summary, repeatable: true, read: given => given }
}

/** A whole number between two bounds. */
export function whole(
  placeholder: string,
  summary: string,
  { short, min, max }: Common & { min: number; max: number },
): Option<number | undefined> {
  return {
    short,
    placeholder,
    summary,
    repeatable: false,
    read(given, name) {
      const last = given.at(-1)
      if (last === undefined) return undefined
      const value = /^\d{1,15}$/.test(last) ? Number(last) : Number.NaN
      if (value >= min && value <= max) return value
      throw usage(`${name} wants a whole number from ${min} to ${max}, not ${JSON.stringify(last)}`)
    },
  }
}

/** One word of several. */
export function word<const W extends string>(words: readonly W[], summary: string, { short }: Common = {}): Option<W | undefined> {
  return {
    short,
    placeholder: words.join('|'),
    summary,
    repeatable: false,
    read(given, name) {
      const last = given.at(-1)
      const found = words.find(each => each === last)
      if (last === undefined || found !== undefined) return found
      throw usage(`${name} wants one of ${words.join(', ')}, not ${JSON.stringify(last)}`, suggest(last, words))
    },
  }
}

/** A time such as `30s`, or bare seconds, as people give it to `timeout`; in ms. */
export function time(placeholder: string, summary: string, { short }: Common = {}): Option<number | undefined> {
  return {
    short,
    placeholder,
    summary,
    repeatable: false,
    read(given, name) {
      const last = given.at(-1)
      if (last === undefined) return undefined
      if (/^\d{1,9}(\.\d{1,9})?$/.test(last)) return Math.round(Number(last) * 1000)
      const reading = readDuration({ type: 'string', value: last })
      if (reading.ok) return reading.value
      throw usage(`${name} wants a time such as 30s or 5m, not ${JSON.stringify(last)}`)
    },
  }
}

/** The error of a wrong command line; ends the command with exit code 2. */
export function usage(message: string, hint?: string): GatewayError {
  return new GatewayError('usage', message, hint === undefined ? {} : { hint })
}

/** A path of the command line counts from the working folder. */
export function pathFrom(folder: string, path: string): string {
  return isAbsolute(path) ? path : resolve(folder, path)
}
