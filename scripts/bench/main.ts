/**
 * The benchmark: puts the same load on the built gateway and on mosquitto in turn, and prints what each made of it.
 * Exits 1 when a run failed or the gateway broke a promise, 2 on a wrong command line, 130 after Ctrl-C.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { faultsOf } from './figures.ts'
import { measure, type Plan } from './measurement.ts'
import { type Options, parseOptions, USAGE } from './options.ts'
import { findPlacement } from './placement.ts'
import { asJson, type ScenarioResult, type ServerResult, summary, table } from './report.ts'
import type { Scenario } from './scenarios.ts'
import { type Choice, chooseServers } from './servers.ts'

const SIGNALS: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

const [options, choice] = prepare()
const placement = findPlacement()
const interruption = new AbortController()
for (const name of SIGNALS) process.once(name, () => interruption.abort(new Error(`stopped by ${name}`)))
const remarks = [...placement.remarks, ...choice.remarks]
for (const remark of remarks) console.error(`bench: ${remark}`)

const plan: Plan = { ...options, placement, signal: interruption.signal }
const results: ScenarioResult[] = []
for (const scenario of options.scenarios) {
  const result = { scenario, servers: choice.servers.map(({ name, own }): ServerResult => ({ name, own, rounds: [], failures: [] })) }
  await runScenario(scenario, result.servers)
  if (interruption.signal.aborted) break
  results.push(result)
  console.log(table(result))
}
if (options.scenarios.length > 1) console.log(summary(results))
if (options.json !== undefined) writeFileSync(options.json, asJson(results, conditions()))
process.exitCode = interruption.signal.aborted ? 130 : results.every(kept) ? 0 : 1

function prepare(): [Options, Choice] {
  try {
    const options = parseOptions(process.argv.slice(2))
    if (options === undefined) {
      console.log(USAGE)
      process.exit(0)
    }
    return [options, chooseServers(options.servers, options.extra)]
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : error}`)
    process.exit(2)
  }
}

/** The servers in turn, round after round: a noisy minute of the machine hits all of them. */
async function runScenario(scenario: Scenario, servers: ServerResult[]): Promise<void> {
  for (let round = 1; round <= options.rounds; round++) {
    for (const [index, definition] of choice.servers.entries()) {
      if (interruption.signal.aborted) return
      process.stderr.write(`bench: ${scenario.name}, round ${round} of ${options.rounds}, ${definition.name}\n`)
      try {
        servers[index]!.rounds.push(await measure(definition, scenario, plan))
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        servers[index]!.failures.push(message)
        console.error(`bench: ${definition.name}: ${message}`)
      }
    }
  }
}

function kept({ scenario, servers }: ScenarioResult): boolean {
  return servers.every(({ own, rounds, failures }) => failures.length === 0 && (!own || faultsOf(scenario, rounds).length === 0))
}

function conditions(): Record<string, unknown> {
  const { rounds, warmupSeconds, durationSeconds } = options
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model,
    cores: placement.cores ?? 'not pinned',
    rounds,
    warmupSeconds,
    durationSeconds,
    remarks,
  }
}
