/** The scenarios by name: the load, what is shown of it, and what would be a fault. */
import type { FigureName, Load, MessageLoad, Transport } from './job.ts'

export interface Scenario {
  name: string
  title: string
  load: Load
  /** Columns of its table. */
  columns: readonly FigureName[]
  /** Servers that keep sessions or retained messages only when told to are told. */
  keepsData: boolean
}

const ONE: MessageLoad = {
  qos: 0,
  publishers: 1,
  subscribers: 1,
  topology: 'pairs',
  filter: 'exact',
  payloadBytes: 64,
  window: 20,
  endToEndWindow: 1000,
  batch: 64,
  persistent: false,
}
const FIFTY_PAIRS = { ...ONE, qos: 1, publishers: 50, subscribers: 50, endToEndWindow: 40 } as const
const TEN_PAIRS = { ...ONE, qos: 1, publishers: 10, subscribers: 10, payloadBytes: 256 } as const

const COUNTS: FigureName[] = ['lost', 'duplicated', 'reordered']
const BUSY: FigureName[] = ['serverCpuPercent', 'generatorCpuPercent']
const FLOW: FigureName[] = ['messagesPerSecond', 'cpuPerMessageUs', 'latencyP50Us', 'latencyP99Us', ...COUNTS, ...BUSY]
const STORED: FigureName[] = ['messagesPerSecond', 'cpuPerMessageUs', 'rssPerMessageBytes']
const DRAINED: FigureName[] = ['drainPerSecond', 'drainCpuPerMessageUs']
const CONNECTS: FigureName[] = ['connectsPerSecond', 'cpuPerConnectUs', 'connectP99Us']

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  flow('qos0-1to1', 'QoS 0, one publisher to one subscriber', { ...ONE }),
  flow('qos0-fanout50', 'QoS 0, one publisher to 50 subscribers', { ...ONE, topology: 'all', subscribers: 50, endToEndWindow: 100 }),
  flow('qos0-fanin50', 'QoS 0, 50 publishers to one subscriber with +', {
    ...ONE,
    topology: 'all',
    publishers: 50,
    filter: 'plus',
    endToEndWindow: 20,
  }),
  flow('qos1-50pairs', 'QoS 1, 50 pairs', FIFTY_PAIRS),
  flow('qos1-1to1', 'QoS 1, one publisher to one subscriber', { ...ONE, qos: 1, window: 100, endToEndWindow: 200 }),
  flow('qos2-10pairs', 'QoS 2, ten pairs', { ...ONE, qos: 2, publishers: 10, subscribers: 10, endToEndWindow: 40 }),
  flow('qos1-latency', 'QoS 1, one message under way at a time', { ...ONE, qos: 1, window: 1, batch: 1, endToEndWindow: 1 }, [
    ...FLOW,
    'latencyP999Us',
    'acknowledgeP50Us',
    'acknowledgeP99Us',
  ]),
  flow(
    'qos1-rate1000',
    'QoS 1, 1,000 messages/s over 50 pairs',
    { ...FIFTY_PAIRS, endToEndWindow: 1000 },
    [...FLOW, 'latencyP999Us'],
    1000,
  ),
  flow('qos1-persistent', 'QoS 1, 50 pairs, persistent subscribers', { ...FIFTY_PAIRS, persistent: true }),
  {
    name: 'offline-100k',
    title: '100,000 messages of 256 B for ten sessions that are away, then fetched',
    load: { kind: 'backlog', ...TEN_PAIRS, persistent: true, messages: 100_000, killAfter: 0 },
    columns: [...STORED, ...DRAINED, ...COUNTS],
    keepsData: true,
  },
  {
    name: 'kill-flow',
    title: 'kill -9 at 50,000 acknowledgements in full flow, then fetched from the restarted server',
    load: { kind: 'backlog', ...TEN_PAIRS, persistent: true, messages: 200_000, killAfter: 50_000 },
    columns: ['restartMs', 'sessionsPresent', 'expected', ...COUNTS, 'unacknowledgedKept', 'drainPerSecond'],
    keepsData: true,
  },
  {
    name: 'idle-2000',
    title: '2,000 connections with a subscription each that do nothing',
    load: { kind: 'idle', connections: 2000, connectionWindow: 100, holdSeconds: 1 },
    columns: [...CONNECTS, 'rssBytes', 'rssPerConnectionBytes', 'pssPerConnectionBytes', 'idleCpuPercent'],
    keepsData: false,
  },
  {
    name: 'storm',
    title: 'CONNECT, CONNACK, DISCONNECT, 50 at a time',
    load: { kind: 'storm', connectionWindow: 50 },
    columns: [...CONNECTS, 'rssGrowthBytes', ...BUSY],
    keepsData: false,
  },
  ...overTransports(),
  {
    name: 'retained-100k',
    title: '100,000 retained messages, then read by one subscriber',
    load: { kind: 'retained', ...ONE, qos: 1, publishers: 10, topology: 'all', filter: 'hash', messages: 100_000 },
    columns: [...STORED, 'firstReadMs', ...DRAINED, 'lost', 'duplicated'],
    keepsData: true,
  },
]

/** The usual loads inside TLS 1.3 (ECDSA, P-256) and inside WebSocket. */
function overTransports(): Scenario[] {
  return [
    flow('tls-qos0-1to1', 'TLS: QoS 0, one publisher to one subscriber', { ...ONE, transport: 'tls' }),
    flow('tls-qos1-50pairs', 'TLS: QoS 1, 50 pairs', { ...FIFTY_PAIRS, transport: 'tls' }),
    {
      name: 'tls-storm',
      title: 'TLS: handshake, CONNECT, CONNACK, DISCONNECT, 50 at a time, nothing resumed',
      load: { kind: 'storm', transport: 'tls', connectionWindow: 50 },
      columns: [...CONNECTS, 'rssGrowthBytes', ...BUSY],
      keepsData: false,
    },
    idle('tls-idle-1000', 'TLS: 1,000 connections with a subscription each that do nothing', 'tls'),
    flow('ws-qos0-1to1', 'WebSocket: QoS 0, one publisher to one subscriber', { ...ONE, transport: 'ws' }),
    flow('ws-qos0-fanout50', 'WebSocket: QoS 0, one publisher to 50 subscribers', {
      ...ONE,
      transport: 'ws',
      topology: 'all',
      subscribers: 50,
      endToEndWindow: 100,
    }),
    flow('ws-qos1-50pairs', 'WebSocket: QoS 1, 50 pairs', { ...FIFTY_PAIRS, transport: 'ws' }),
    idle('ws-idle-1000', 'WebSocket: 1,000 connections with a subscription each that do nothing', 'ws'),
  ]
}

function idle(name: string, title: string, transport: Transport): Scenario {
  return {
    name,
    title,
    load: { kind: 'idle', transport, connections: 1000, connectionWindow: 50, holdSeconds: 1 },
    columns: [...CONNECTS, 'rssBytes', 'rssPerConnectionBytes', 'pssPerConnectionBytes', 'idleCpuPercent'],
    keepsData: false,
  }
}

/** The scenarios that a comma-separated list names, in the list's order; all for an empty one. @throws on an unknown name */
export function selectScenarios(list: string): Scenario[] {
  const names = list
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '')
  if (names.length === 0) return [...SCENARIOS]
  return names.map(name => {
    const found = SCENARIOS.find(scenario => scenario.name === name)
    if (found === undefined) throw new Error(`no scenario is called ${name}; there are ${SCENARIOS.map(each => each.name).join(', ')}`)
    return found
  })
}

/** The same with a tenth of what is counted: shows that everything works, not how fast. */
export function quick(scenario: Scenario): Scenario {
  const load = tenth(scenario.load)
  return load === scenario.load ? scenario : { ...scenario, title: `${scenario.title} (a tenth of it)`, load }
}

function tenth(load: Load): Load {
  switch (load.kind) {
    case 'backlog':
      return { ...load, messages: load.messages / 10, killAfter: load.killAfter / 10 }
    case 'retained':
      return { ...load, messages: load.messages / 10 }
    case 'idle':
      return { ...load, connections: load.connections / 10 }
    default:
      return load
  }
}

function flow(name: string, title: string, load: MessageLoad, columns: readonly FigureName[] = FLOW, ratePerSecond = 0): Scenario {
  return { name, title, load: { kind: 'flow', ...load, ratePerSecond }, columns, keepsData: load.persistent }
}
