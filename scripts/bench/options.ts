/** The command line of the benchmark. */
import { parseArgs } from 'node:util'
import { quick, type Scenario, selectScenarios } from './scenarios.ts'

export const USAGE = `npm run bench -- [options]
  --scenarios a,b      only these (default: all)
  --servers a,b        of tidegate, mosquitto and the extra ones (default: all); ratios are to mosquitto, without it to the first
  --extra 'name=CMD'   one more server, may be repeated; CMD is a shell command in which {port} and {dir} are filled in
  --rounds N           rounds, each server once in each of them (default: 3)
  --duration S         measured seconds of a run (default: 3)
  --warmup S           seconds of load before them (default: 1)
  --quick              one round, half a second each, a tenth of what is counted: shows that it works, not how fast
  --json FILE          write all figures of all rounds there too
  --keep               leave the servers' folders, with their logs, where they are
`

export interface ExtraServer {
  name: string
  command: string
}

export interface Options {
  scenarios: Scenario[]
  /** Names; empty: all. */
  servers: string[]
  extra: ExtraServer[]
  rounds: number
  durationSeconds: number
  warmupSeconds: number
  json: string | undefined
  keep: boolean
}

/** @returns undefined when help is asked for. @throws on anything that it does not understand */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenarios: { type: 'string', default: '' },
      servers: { type: 'string', default: '' },
      extra: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      duration: { type: 'string' },
      warmup: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const scenarios = selectScenarios(values.scenarios)
  const rounds = positive('--rounds', values.rounds, values.quick ? 1 : 3)
  if (!Number.isInteger(rounds)) throw new Error('--rounds wants a whole number')
  return {
    scenarios: values.quick ? scenarios.map(quick) : scenarios,
    servers: values.servers.split(',').filter(name => name !== ''),
    extra: values.extra.map(parseExtra),
    rounds,
    durationSeconds: positive('--duration', values.duration, values.quick ? 0.5 : 3),
    warmupSeconds: positive('--warmup', values.warmup, values.quick ? 0.3 : 1),
    json: values.json,
    keep: values.keep,
  }
}

function parseExtra(text: string): ExtraServer {
  const [, name, command] = /^([\w.-]+)=(.+)$/s.exec(text) ?? []
  if (name === undefined || command === undefined) throw new Error(`--extra wants name=command, not ${text}`)
  if (!command.includes('{port}')) throw new Error(`--extra ${name}: the command must say where {port} goes`)
  return { name, command }
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  const value = Number(text)
  if (!(value > 0 && value <= 3600)) throw new Error(`${name} wants a number above 0 and of at most 3600, not ${text}`)
  return value
}
