import { controlOptions, findGateway, jsonOption } from '../locate.ts'
import { pairLines } from '../table.ts'
import { showBytes, showCount, showSeconds } from '../units.ts'
import { EXIT, verb } from '../verb.ts'

/** What the API says of itself. */
interface Status {
  version: string
  commit: string
  node: string
  sqlite: string
  gateway_id: string
  data_dir: string
  config_file?: string
  uptime_seconds: number
  ready: boolean
  healthy: boolean
  problems: string[]
  clock: { time?: string; synchronised: boolean }
  device: { model?: string; system?: string; arch?: string; cpus?: number; memory_bytes?: number }
  process: { pid: number; rss_bytes: number }
  clients: number
  sessions: number
  subscriptions: number
  retained: number
  queued: number
  queued_bytes: number
  store: { condition: string; reason?: string; used_bytes: number; uncommitted_bytes: number }
  messages: { received: number[]; sent: number[]; unrouted: number; refused: number; dropped: Record<string, number> }
  listeners: number
  bridges: Record<string, number>
}

export const statusVerb = verb({
  name: 'status',
  group: 'inspect',
  summary: 'shows how the gateway is',
  description: 'Ends with 1 when the gateway is not ready or cannot do its work.',
  options: { ...controlOptions, json: jsonOption },
  async run(values, _positionals, context) {
    const ask = await findGateway(values, context)
    const status = (await ask('GET', '/api/v1/status')) as Status
    context.terminal.line(values.json ? JSON.stringify(status, undefined, 2) : pairLines(linesOf(status)).join('\n'))
    if (status.ready && status.healthy) return EXIT.done
    context.terminal.complain(`tidegate status: the gateway is ${status.ready ? 'not healthy' : 'not ready'}`)
    return EXIT.failed
  },
})

function linesOf(status: Status): [string, string | undefined][] {
  const { store, messages, device, clock } = status
  return [
    ['gateway', `${status.gateway_id}, ${stateOf(status)}, up ${showSeconds(status.uptime_seconds)}, pid ${status.process.pid}`],
    ...status.problems.map((problem): [string, string] => ['problem', problem]),
    ['version', `${status.version} (commit ${status.commit}, Node ${status.node}, SQLite ${status.sqlite})`],
    ['device', deviceText(device)],
    ['memory', showBytes(status.process.rss_bytes)],
    ['clock', `${clock.time ?? 'unknown'}, ${clock.synchronised ? 'set' : 'not set: times of messages are not believed'}`],
    ['configuration', status.config_file ?? 'embedded defaults'],
    ['data', status.data_dir],
    ['store', storeText(store)],
    [
      'clients',
      `${showCount(status.clients)} connected, ${showCount(status.sessions)} sessions, ${showCount(status.subscriptions)} subscriptions`,
    ],
    ['retained', `${showCount(status.retained)} messages`],
    ['queued', `${showCount(status.queued)} messages, ${showBytes(status.queued_bytes)}`],
    ['received', byQos(messages.received)],
    ['delivered', byQos(messages.sent)],
    ['refused', messages.refused > 0 ? showCount(messages.refused) : undefined],
    ['dropped', droppedText(messages.dropped)],
    ['listeners', String(status.listeners)],
    [
      'bridges',
      Object.entries(status.bridges)
        .map(([state, count]) => `${count} ${state}`)
        .join(', ') || 'none',
    ],
  ]
}

function stateOf({ ready, healthy, problems }: Status): string {
  if (!healthy) return 'not healthy'
  if (!ready) return 'not ready'
  return problems.length > 0 ? 'ready, with problems' : 'ready'
}

function deviceText({ model, system, arch, cpus, memory_bytes: memory }: Status['device']): string {
  const size = memory === undefined ? undefined : `${showBytes(memory)} memory`
  return [model, system, arch, cpus === undefined ? undefined : `${cpus} CPUs`, size].filter(each => each !== undefined).join(', ')
}

function storeText({ condition, reason, used_bytes: used, uncommitted_bytes: uncommitted }: Status['store']): string {
  const state = reason === undefined ? condition : `${condition}: ${reason}`
  return `${state}, ${showBytes(used)} used${uncommitted > 0 ? `, ${showBytes(uncommitted)} not yet committed` : ''}`
}

function byQos(counts: readonly number[]): string {
  const sum = counts.reduce((total, each) => total + each, 0)
  return `${showCount(sum)} messages (${counts.map((count, qos) => `QoS ${qos}: ${showCount(count)}`).join(', ')})`
}

function droppedText(dropped: Record<string, number>): string {
  const parts = Object.entries(dropped).flatMap(([reason, count]) => (count > 0 ? [`${showCount(count)} ${reason}`] : []))
  return parts.join(', ') || 'none'
}
