/** What the figures are called and how they read; medians over rounds; what counts as a fault. */
import type { FigureName, Figures } from './job.ts'
import type { Scenario } from './scenarios.ts'

interface Reading {
  label: string
  /** Which direction is good; figures that have one get a ratio. */
  better?: 'higher' | 'lower'
  /** Shown divided by this. */
  unit?: number
}

const READINGS: Record<FigureName, Reading> = {
  messagesPerSecond: { label: 'msg/s', better: 'higher' },
  cpuPerMessageUs: { label: 'CPU µs/msg', better: 'lower' },
  latencyP50Us: { label: 'p50 µs', better: 'lower' },
  latencyP99Us: { label: 'p99 µs', better: 'lower' },
  latencyP999Us: { label: 'p99.9 µs', better: 'lower' },
  acknowledgeP50Us: { label: 'ack p50 µs', better: 'lower' },
  acknowledgeP99Us: { label: 'ack p99 µs', better: 'lower' },
  expected: { label: 'expected' },
  lost: { label: 'lost' },
  duplicated: { label: 'dup' },
  reordered: { label: 'reordered' },
  foreign: { label: 'foreign' },
  disconnects: { label: 'disconnects' },
  stalls: { label: 'stalls' },
  serverCpuPercent: { label: 'server %' },
  generatorCpuPercent: { label: 'gen %' },
  seconds: { label: 'seconds' },
  sent: { label: 'sent' },
  delivered: { label: 'delivered' },
  acknowledged: { label: 'acknowledged' },
  rssPerMessageBytes: { label: 'RSS B/msg', better: 'lower' },
  drainPerSecond: { label: 'fetched/s', better: 'higher' },
  drainCpuPerMessageUs: { label: 'CPU µs/fetched', better: 'lower' },
  firstReadMs: { label: 'first ms', better: 'lower' },
  restartMs: { label: 'restart ms', better: 'lower' },
  sessionsPresent: { label: 'sessions' },
  unacknowledgedKept: { label: 'unacked kept' },
  connectsPerSecond: { label: 'connects/s', better: 'higher' },
  cpuPerConnectUs: { label: 'CPU µs/connect', better: 'lower' },
  connectP50Us: { label: 'connect p50 µs', better: 'lower' },
  connectP99Us: { label: 'connect p99 µs', better: 'lower' },
  rssBytes: { label: 'empty RSS MB', better: 'lower', unit: 1e6 },
  rssPerConnectionBytes: { label: 'RSS B/conn', better: 'lower' },
  pssPerConnectionBytes: { label: 'PSS B/conn', better: 'lower' },
  rssGrowthBytes: { label: 'RSS growth MB', unit: 1e6 },
  idleCpuPercent: { label: 'idle CPU %' },
}

export function labelOf(name: FigureName): string {
  return READINGS[name].label
}

/** A figure in the unit that its label names. */
export function shown(name: FigureName, value: number): number {
  return value / (READINGS[name].unit ?? 1)
}

/** Each figure's median over the rounds that have it. */
export function medians(rounds: readonly Figures[]): Figures {
  const names = new Set(rounds.flatMap(round => Object.keys(round) as FigureName[]))
  return Object.fromEntries([...names].map(name => [name, median(rounds.flatMap(round => round[name] ?? []))]))
}

/** Each figure divided by the reference's, where both have it and the quotient says something. */
export function ratios(figures: Figures, reference: Figures): Figures {
  return Object.fromEntries(
    (Object.keys(figures) as FigureName[]).flatMap(name => {
      const [own, other] = [figures[name], reference[name]]
      return READINGS[name].better === undefined || own === undefined || !other || other < 0 ? [] : [[name, own / other]]
    }),
  )
}

/** What a gateway that keeps its promises never shows, in any round: in words, empty when there is nothing. */
export function faultsOf(scenario: Scenario, rounds: readonly Figures[]): string[] {
  const { load } = scenario
  const qos = 'qos' in load ? load.qos : undefined
  const worst = (name: FigureName) => Math.max(0, ...rounds.map(round => round[name] ?? 0))
  const say = (name: FigureName, applies: boolean) => (applies && worst(name) > 0 ? [`${worst(name)} ${labelOf(name)}`] : [])
  return [
    ...say('lost', qos !== undefined && qos > 0),
    ...say('duplicated', qos !== undefined && qos !== 1),
    ...say('reordered', true),
    ...say('foreign', true),
    ...say('disconnects', true),
  ]
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
