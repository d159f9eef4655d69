/** From the words of the command line to a verb. */
import { describeError, GatewayError, isGatewayError } from '#base/errors.ts'
import { nearest } from '#base/schema.ts'
import type { Context } from './context.ts'
import { overviewText, verbText } from './help.ts'
import { usage } from './option.ts'
import { parseWords } from './parse.ts'
import { EXIT, type Verb } from './verb.ts'
import { verbs } from './verbs.ts'

export type {
  About,
  ConfigCore,
  Context,
  Control,
  Gateway,
  GatewayOptions,
  Parts,
  ServiceManager,
  Signal,
  StoppedUsers,
  Surroundings,
} from './context.ts'
export { Terminal } from './terminal.ts'
export type { Verb } from './verb.ts'
export { verbs } from './verbs.ts'

/**
 * Runs a command to its end.
 * @param words the command line after the program's name
 * @returns the exit code: 0 done, 1 failed with one line on standard error, 2 wrong usage
 */
export async function runCommandLine(words: readonly string[], context: Context): Promise<number> {
  const [name, ...rest] = words
  try {
    if (name === undefined) {
      context.terminal.complain(overviewText(verbs).trimEnd())
      return EXIT.usage
    }
    if (name === '--version' || name === '-V') return await showVersion(rest, context)
    if (name === '--help' || name === '-h' || name === 'help') return showHelp(rest, context)
    const verb = verbOf(name)
    const { help, values, positionals } = parseWords(rest, verb)
    if (!help) return await verb.run(values, positionals, context)
    context.terminal.write(verbText(verb))
    return EXIT.done
  } catch (error) {
    return report(error, name, context)
  }
}

function verbOf(name: string): Verb {
  const found = verbs.find(each => each.name === name)
  if (found !== undefined) return found
  const names = verbs.map(each => each.name)
  if (name.startsWith('-')) throw usage(`there is no option ${name} before the verb`, 'tidegate --help shows the verbs')
  const near = nearest(name, names)
  throw usage(
    `there is no verb ${JSON.stringify(name)}`,
    near === undefined ? 'tidegate --help shows the verbs' : `did you mean \`tidegate ${near}\`?`,
  )
}

function showHelp(words: readonly string[], context: Context): number {
  const [name] = words.filter(word => !word.startsWith('-'))
  context.terminal.write(name === undefined ? overviewText(verbs) : verbText(verbOf(name)))
  return EXIT.done
}

async function showVersion(words: readonly string[], context: Context): Promise<number> {
  const isJson = words.length === 1 && words[0] === '--json'
  if (words.length > 0 && !isJson) throw usage('--version takes nothing but --json')
  const about = await context.parts.about()
  const { version, commit, node, sqlite } = about
  context.terminal.line(isJson ? JSON.stringify(about) : `tidegate ${version} (commit ${commit}, Node ${node}, SQLite ${sqlite})`)
  return EXIT.done
}

/** One line on standard error for whatever went wrong. */
function report(error: unknown, name: string | undefined, { terminal }: Context): number {
  const known = verbs.some(each => each.name === name)
  terminal.complain(`tidegate${known ? ` ${name}` : ''}: ${describeError(error).replace(/\s*\n\s*/g, ' ')}`)
  if (!(error instanceof GatewayError) && error instanceof Error && error.stack !== undefined) terminal.complain(error.stack)
  return isGatewayError(error, 'usage') ? EXIT.usage : EXIT.failed
}
