/** The configuration as the command line asks for it. */
import { readFileSync, statSync } from 'node:fs'
import { GatewayError } from '#base/errors.ts'
import type { TableSchema } from '#base/schema.ts'
import { type Fault, showFault } from '#config/fault.ts'
import { type Loaded, type LoadInputs, loadConfig, type Sources } from '#config/load.ts'
import type { ConfigCore, Context } from './context.ts'
import { pathFrom, text, texts } from './option.ts'
import { servicePlaces } from './service-places.ts'

/** The options of verbs that load a whole configuration. */
export const configOptions = {
  config: text('FILE', 'the configuration file; without it the embedded defaults', { short: 'c' }),
  'data-dir': text('DIR', 'the folder of the store; the same as --set gateway.data_dir=DIR'),
  set: texts('KEY=VALUE', 'sets any key of the configuration, such as listeners.local.bind=127.0.0.1:2883'),
}

export interface ConfigChoice {
  readonly config?: string | undefined
  readonly 'data-dir'?: string | undefined
  readonly set?: readonly string[] | undefined
}

/** Loads what the options name, over the environment. Everything wrong is in `faults`. */
export async function readConfig(choice: ConfigChoice, context: Context): Promise<Loaded<TableSchema<ConfigCore>>> {
  const dataDir = choice['data-dir']
  const sets = [...(choice.set ?? [])]
  // As TOML text, so that a folder called "true" or "1e3" stays a folder.
  if (dataDir !== undefined) sets.push(`gateway.data_dir=${JSON.stringify(pathFrom(context.folder, dataDir))}`)
  const inputs: Omit<LoadInputs<TableSchema<ConfigCore>>, 'sets'> = {
    schema: await context.parts.schema(),
    file: choice.config,
    env: context.env,
    folder: context.folder,
    readFile: path => readFileSync(path),
    named: name => context.parts.readProfile(name),
    modeOf: path => statSync(path, { throwIfNoEntry: false })?.mode,
    nowMs: context.parts.clock.synchronised() ? context.parts.clock.now() : undefined,
  }
  const loaded = loadConfig({ ...inputs, sets })
  const places = servicePlaces(context.env, key => loaded.sources.isSet(key))
  return places.length === 0 ? loaded : loadConfig({ ...inputs, sets: [...places, ...sets] })
}

export interface ConfigInForce {
  config: ConfigCore
  sources: Sources
  warnings: readonly Fault[]
}

/**
 * Loads a configuration that must be right.
 * @throws GatewayError `config-invalid` with the first fault; all of them go to standard error before
 */
export async function requireConfig(choice: ConfigChoice, context: Context): Promise<ConfigInForce> {
  const { config, sources, faults, warnings } = await readConfig(choice, context)
  if (config !== undefined) return { config, sources, warnings }
  for (const fault of faults) context.terminal.complain(showFault(fault))
  throw new GatewayError(
    'config-invalid',
    faults.length === 1 ? 'the configuration has a fault' : `the configuration has ${faults.length} faults`,
  )
}
