/** A verb's part of the command line to values, by its table. */
import { parseArgs } from 'node:util'
import { suggest } from '#base/schema.ts'
import { type Options, usage, type Values } from './option.ts'
import type { Positional, Verb } from './verb.ts'

export interface Parsed {
  help: boolean
  values: Values<Options>
  positionals: string[]
}

/**
 * Parses the words after the verb. `--` ends the options.
 * @throws GatewayError `usage`
 */
export function parseWords(words: readonly string[], { options, positionals = [] }: Pick<Verb, 'options' | 'positionals'>): Parsed {
  // Node's own strictness says neither the nearest option nor which value is missing: the tokens are judged here.
  const { tokens } = parseArgs({ args: [...words], options: nodeOptions(options), strict: false, allowPositionals: true, tokens: true })
  const given = new Map<string, string[]>()
  const rest: string[] = []
  let help = false
  for (const token of tokens) {
    if (token.kind === 'positional') rest.push(token.value)
    if (token.kind !== 'option') continue
    const { name, rawName, value, inlineValue } = token
    const option = Object.hasOwn(options, name) ? options[name] : undefined
    if (option === undefined) {
      if (name === 'help' || rawName === '-h') help = true
      else throw usage(`there is no option ${rawName}`, suggestOption(rawName, options))
      continue
    }
    if (option.placeholder === undefined) {
      if (value !== undefined) throw usage(`${rawName} takes no value`)
    } else if (value === undefined || (!inlineValue && isOption(value, options))) {
      throw usage(`${rawName} wants a value: ${rawName} ${option.placeholder}`)
    }
    given.set(name, [...(given.get(name) ?? []), value ?? ''])
  }
  if (help) return { help, values: {}, positionals: [] }
  for (const [name, texts] of given) {
    const option = options[name]
    if (texts.length > 1 && option?.placeholder !== undefined && !option.repeatable) throw usage(`--${name} is given more than once`)
  }
  checkPositionals(rest, positionals)
  const values = Object.entries(options).map(([name, option]) => [name, option.read(given.get(name) ?? [], `--${name}`)])
  return { help, values: Object.fromEntries(values), positionals: rest }
}

function nodeOptions(options: Options) {
  const entries = Object.entries(options).map(([name, { short, placeholder }]) => {
    const type = placeholder === undefined ? ('boolean' as const) : ('string' as const)
    return [name, { type, multiple: true, ...(short === undefined ? {} : { short }) }] as const
  })
  return Object.fromEntries(entries)
}

/** Whether a word that stands where a value should is an option of this verb: then the value was forgotten. */
function isOption(word: string, options: Options): boolean {
  if (!/^-(-.|.$)/.test(word)) return false
  return Object.entries(options).some(([name, { short }]) => word === `--${name}` || (short !== undefined && word === `-${short}`))
}

function suggestOption(rawName: string, options: Options): string | undefined {
  if (!rawName.startsWith('--')) return undefined
  return suggest(rawName.slice(2), [...Object.keys(options), 'help'])?.replace(/"([^"]+)"/, '--$1')
}

function checkPositionals(given: readonly string[], wanted: readonly Positional[]): void {
  const missing = wanted.slice(given.length).find(each => each.required)
  if (missing !== undefined) throw usage(`${missing.name} is missing`)
  if (given.length > wanted.length) throw usage(`${JSON.stringify(given[wanted.length])} is one word too many`)
}
