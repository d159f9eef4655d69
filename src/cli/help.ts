/** Help, made from the verbs' tables. */
import type { Option } from './option.ts'
import type { Positional, Verb, VerbGroup } from './verb.ts'

const LINE_CHARS_MAX = 100
const INDENT = '  '

/** The groups of verbs with their titles, in the order in which they are shown. */
export const VERB_GROUPS: readonly (readonly [VerbGroup, string])[] = [
  ['gateway', 'Run a gateway'],
  ['inspect', 'See what is going on'],
  ['control', 'Intervene'],
  ['messages', 'Try things'],
]

/** The overview of all verbs. */
export function overviewText(verbs: readonly Verb[]): string {
  const sections = VERB_GROUPS.map(([group, title]) => {
    const pairs = verbs.filter(each => each.group === group).map(each => [each.name, each.summary] as const)
    return pairs.length === 0 ? '' : `\n${title}:\n${definitions(pairs)}`
  })
  const more = definitions([
    ['-h, --help', 'shows this, or the help of a verb: tidegate VERB --help'],
    ['-V, --version', 'shows the versions of tidegate and of what it is made of'],
  ])
  return `Usage: tidegate VERB [OPTIONS]\n\nAn edge gateway: MQTT broker with durable sessions, device adapters, store-and-forward bridges.\n${sections.join('')}\nOptions:\n${more}`
}

/** The help of one verb. */
export function verbText(verb: Verb): string {
  const { name, summary, description, positionals = [], options, examples = [] } = verb
  const parts = [`Usage: ${usageLine(verb)}\n\n${wrap(sentence(summary), '').join('\n')}\n`]
  if (description !== undefined) parts.push(`\n${wrap(description, '').join('\n')}\n`)
  if (positionals.length > 0) parts.push(`\nArguments:\n${definitions(positionals.map(each => [each.name, each.summary] as const))}`)
  const shown = Object.entries(options).map(([long, option]) => [optionHead(long, option), optionSummary(option)] as const)
  const helpHead = Object.values(options).some(option => option.short === 'h') ? `${INDENT}  --help` : '-h, --help'
  parts.push(`\nOptions:\n${definitions([...shown, [helpHead, 'shows this help']])}`)
  if (examples.length > 0) {
    const lines = examples.map(
      ([line, does]) => `${INDENT}tidegate ${name}${line === '' ? '' : ` ${line}`}\n${INDENT}${INDENT}${INDENT}${does}\n`,
    )
    parts.push(`\nExamples:\n${lines.join('')}`)
  }
  return parts.join('')
}

/** `tidegate kick [OPTIONS] CLIENT`. */
export function usageLine({ name, positionals = [] }: Pick<Verb, 'name' | 'positionals'>): string {
  return ['tidegate', name, '[OPTIONS]', ...positionals.map(positionalHead)].join(' ')
}

function positionalHead({ name, required }: Positional): string {
  return required ? name : `[${name}]`
}

function optionHead(long: string, { short, placeholder }: Option): string {
  const head = short === undefined ? `    --${long}` : `-${short}, --${long}`
  return placeholder === undefined ? head : `${head} ${placeholder}`
}

function optionSummary({ summary, repeatable }: Option): string {
  return repeatable ? `${summary}; may be repeated` : summary
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`
}

const HEAD_CHARS_MAX = 28

/** Terms with their explanations, these aligned and wrapped. */
function definitions(pairs: readonly (readonly [term: string, text: string])[]): string {
  const width = Math.min(HEAD_CHARS_MAX, Math.max(...pairs.map(([term]) => term.length)))
  const hanging = ' '.repeat(INDENT.length + width + 2)
  return pairs
    .map(([term, text]) => {
      const lines = wrap(text, hanging)
      if (term.length > width) return `${INDENT}${term}\n${lines.join('\n')}\n`
      return `${INDENT}${term.padEnd(width)}  ${lines.join('\n').trimStart()}\n`
    })
    .join('')
}

/** Breaks text into lines, each behind `indent`. */
function wrap(text: string, indent: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && indent.length + line.length + 1 + word.length > LINE_CHARS_MAX) {
      lines.push(indent + line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, indent + line]
}
