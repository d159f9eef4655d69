/** Verbs that show a list of the API as a table. */
import { askList, controlOptions, findGateway, jsonOption } from './locate.ts'
import { flag, type Options, type Values, whole } from './option.ts'
import { type Column, tableLines } from './table.ts'
import { EXIT, type Positional, type Verb, verb } from './verb.ts'

const LIMIT_DEFAULT = 10_000
const LIMIT_MAX = 10_000_000

const listOptions = {
  ...controlOptions,
  json: jsonOption,
  limit: whole('N', `shows N items at most (default ${LIMIT_DEFAULT})`, { short: 'n', min: 1, max: LIMIT_MAX }),
  'no-header': flag('leaves out the heading of the table'),
}

interface ListVerb<R, O extends Options> {
  name: string
  summary: string
  description?: string
  positionals?: readonly Positional[]
  /** Options beside those that all lists have. */
  options?: O
  path: string
  /** What to ask the API for. */
  query?: (values: Values<O>, positionals: readonly string[]) => Record<string, string | undefined>
  columns: (nowMs: number) => readonly Column<R>[]
  /** What to say instead of an empty table. */
  empty: string
}

export function listVerb<R, const O extends Options = Record<never, never>>(definition: ListVerb<R, O>): Verb {
  const { name, summary, description, positionals, options, path, query, columns, empty } = definition
  return verb({
    name,
    group: 'inspect',
    summary,
    ...(description === undefined ? {} : { description }),
    ...(positionals === undefined ? {} : { positionals }),
    options: { ...listOptions, ...options },
    async run(values, given, context) {
      const { terminal, parts } = context
      const ask = await findGateway(values, context)
      const wanted = query?.(values as unknown as Values<O>, given) ?? {}
      const parameters = new URLSearchParams(Object.entries(wanted).filter((pair): pair is [string, string] => pair[1] !== undefined))
      const body = await askList<R>(ask, path, parameters, values.limit ?? LIMIT_DEFAULT)
      if (values.json) {
        terminal.line(JSON.stringify(body, undefined, 2))
        return EXIT.done
      }
      if (body.data.length === 0) terminal.complain(empty)
      else {
        const lines = tableLines(columns(parts.clock.now()), body.data)
        terminal.line(lines.slice(values['no-header'] ? 1 : 0).join('\n'))
      }
      if (body.meta.has_next) terminal.complain(`only the first ${body.data.length} are shown; --limit shows more`)
      return EXIT.done
    },
  })
}
