/** The results as tables for people and as JSON for programs. */
import { faultsOf, labelOf, medians, ratios, shown } from './figures.ts'
import type { FigureName, Figures } from './job.ts'
import type { Scenario } from './scenarios.ts'

/** All rounds of one server in one scenario. */
export interface ServerResult {
  name: string
  own: boolean
  rounds: Figures[]
  /** Why rounds have no figures. */
  failures: string[]
}

export interface ScenarioResult {
  scenario: Scenario
  servers: ServerResult[]
}

/** Busier than this the generator may have been what limits the rate… */
const GENERATOR_BUSY_PERCENT = 90
/** …if the server was less busy than this. */
const SERVER_BUSY_PERCENT = 85

/** The server that ratios refer to: mosquitto, otherwise the first of several. */
export function referenceOf(servers: readonly ServerResult[]): ServerResult | undefined {
  if (servers.length < 2) return undefined
  const reference = servers.find(server => server.name === 'mosquitto') ?? servers[0]!
  return reference.rounds.length > 0 ? reference : undefined
}

/** A table with a row a server: medians, ratios to the reference in brackets, failures and faults below. */
export function table({ scenario, servers }: ScenarioResult): string {
  const reference = referenceOf(servers)
  const rows = servers.map(server => {
    const figures = medians(server.rounds)
    const quotients = reference === undefined || server === reference ? {} : ratios(figures, medians(reference.rounds))
    return [server.name, ...scenario.columns.map(name => cell(name, figures, quotients))]
  })
  const lines = align([['server', ...scenario.columns.map(labelOf)], ...rows])
  return [`${scenario.name}: ${scenario.title}`, ...lines, ...notes(scenario, servers), ''].join('\n')
}

/** The figure to go by, in all scenarios: CPU time of the server as a share of the reference's. */
export function summary(results: readonly ScenarioResult[]): string {
  const rows = results.flatMap(({ scenario, servers }) => {
    const reference = referenceOf(servers)
    if (reference === undefined) return []
    return servers
      .filter(server => server !== reference && server.rounds.length > 0)
      .flatMap(server => {
        const quotients = ratios(medians(server.rounds), medians(reference.rounds))
        const quotient = quotients.cpuPerMessageUs ?? quotients.cpuPerConnectUs
        return quotient === undefined ? [] : [[scenario.name, server.name, `${number(quotient)}×`, reference.name]]
      })
  })
  return rows.length === 0 ? '' : [...align([['server CPU', '', 'ratio', 'to'], ...rows]), ''].join('\n')
}

/** Everything: medians, ratios, faults, and every round as it was. */
export function asJson(results: readonly ScenarioResult[], conditions: Record<string, unknown>): string {
  const scenarios = results.map(({ scenario, servers }) => {
    const reference = referenceOf(servers)
    const entries = servers.map(server => {
      const figures = medians(server.rounds)
      const quotients = reference === undefined || server === reference ? undefined : ratios(figures, medians(reference.rounds))
      const { rounds, failures } = server
      return [server.name, { medians: figures, ratios: quotients, faults: faultsOf(scenario, rounds), failures, rounds }]
    })
    return {
      name: scenario.name,
      title: scenario.title,
      load: scenario.load,
      reference: reference?.name,
      servers: Object.fromEntries(entries),
    }
  })
  return `${JSON.stringify({ conditions, scenarios }, undefined, 2)}\n`
}

function cell(name: FigureName, figures: Figures, quotients: Figures): string {
  const value = figures[name]
  if (value === undefined) return '-'
  const mark = name === 'messagesPerSecond' && generatorWasLimit(figures) ? '*' : ''
  const quotient = quotients[name]
  return `${number(shown(name, value))}${mark}${quotient === undefined ? '' : ` (${number(quotient)}×)`}`
}

function generatorWasLimit({ generatorCpuPercent = 0, serverCpuPercent = 100 }: Figures): boolean {
  return generatorCpuPercent > GENERATOR_BUSY_PERCENT && serverCpuPercent < SERVER_BUSY_PERCENT
}

function notes(scenario: Scenario, servers: readonly ServerResult[]): string[] {
  const limited = scenario.columns.includes('messagesPerSecond') && servers.some(({ rounds }) => generatorWasLimit(medians(rounds)))
  return [
    ...(limited ? ['* the generator was the limit: go by the CPU time'] : []),
    ...servers.flatMap(({ name, failures }) => (failures.length > 0 ? [`${name}: ${failures.length} failed: ${failures[0]}`] : [])),
    ...servers.flatMap(({ name, rounds }) => {
      const faults = faultsOf(scenario, rounds)
      return faults.length > 0 ? [`${name}: at worst ${faults.join(', ')}`] : []
    }),
  ]
}

function number(value: number): string {
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows.map(row =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  )
}
