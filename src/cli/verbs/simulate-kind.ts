/** What a kind of simulated device is: `tidegate simulate KIND`. */
import type { Context } from '../context.ts'
import type { Options, Values } from '../option.ts'

interface Described<O extends Options> {
  /** The word after `simulate`. */
  readonly name: string
  /** Half a sentence. */
  readonly summary: string
  readonly options: O
  /** Command lines, from the kind's name on, with what they do. */
  readonly examples: readonly (readonly [line: string, does: string])[]
}

export interface SimulatedKind extends Described<Options> {
  /** Runs until it is stopped or done; returns the exit code. @throws GatewayError */
  run(values: Values<Options>, context: Context): Promise<number>
}

/** Makes a kind; the option table gives its values their types. */
export function simulatedKind<const O extends Options>(
  definition: Described<O> & { run(values: Values<O>, context: Context): Promise<number> },
): SimulatedKind {
  return { ...definition, run: (values, context) => definition.run(values as Values<O>, context) }
}
