/** What a verb is. One file per verb in `verbs/` makes one. */
import type { Context } from './context.ts'
import type { Options, Values } from './option.ts'

export interface Positional {
  /** In capitals, as help shows it. */
  readonly name: string
  readonly summary: string
  readonly required: boolean
}

/** Where help lists a verb. */
export type VerbGroup = 'gateway' | 'inspect' | 'control' | 'messages'

interface Described<O extends Options> {
  readonly name: string
  readonly group: VerbGroup
  /** Half a sentence, small letters, for the list of verbs. */
  readonly summary: string
  /** A few sentences for the verb's own help. */
  readonly description?: string
  readonly positionals?: readonly Positional[]
  readonly options: O
  /** Command lines with what they do. */
  readonly examples?: readonly (readonly [line: string, does: string])[]
}

export interface Verb extends Described<Options> {
  /** Parsed and checked input comes in, an exit code goes out. @throws GatewayError whose message becomes the one line on stderr */
  run(values: Values<Options>, positionals: readonly string[], context: Context): Promise<number>
}

/** Makes a verb; the option table gives its values their types. */
export function verb<const O extends Options>(
  definition: Described<O> & { run(values: Values<O>, positionals: readonly string[], context: Context): Promise<number> },
): Verb {
  return { ...definition, run: (values, positionals, context) => definition.run(values as Values<O>, positionals, context) }
}

/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const
