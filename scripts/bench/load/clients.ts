/** The publishers and subscribers of a run, and how many connections open or leave at a time. */
import type { MessageLoad } from '../job.ts'
import type { Connection } from './connection.ts'
import { Histogram } from './histogram.ts'
import { Ledger } from './ledger.ts'
import { Network } from './network.ts'
import { topicOf } from './packets.ts'
import { Publisher } from './publisher.ts'
import { type Receipts, Subscriber } from './subscriber.ts'

const CONNECTION_WINDOW = 100

export interface Cast {
  network: Network
  ledger: Ledger
  receipts: Receipts
  acknowledgeTimes: Histogram
  publishers: Publisher[]
  subscribers: Subscriber[]
}

export interface CastOptions {
  /** Messages over all publishers; none: no end. */
  messages?: number
  /** Topics that each publisher takes in turn. */
  topics?: number
  retain?: boolean
  unseen?: boolean
  /** Subscribers take this instead of the load's quality of service. */
  subscriberQos?: number
}

/** Makes them; nothing is connected yet. */
export function makeCast(port: number, load: MessageLoad, options: CastOptions = {}): Cast {
  const network = new Network(port, load.transport)
  const ledger = new Ledger(load)
  const receipts: Receipts = { ledger, latency: new Histogram(), firstAtMs: 0, lastAtMs: 0 }
  const acknowledgeTimes = new Histogram()
  const { messages = Number.POSITIVE_INFINITY, topics = 1, retain = false, unseen = false, subscriberQos = load.qos } = options
  const publishers = Array.from({ length: load.publishers }, (_, index) => {
    const most = Number.isFinite(messages) ? share(messages, load.publishers, index) : messages
    const client = { clientId: `bench-p${index}`, cleanSession: true, filters: [], qos: 0 }
    return new Publisher(network, { ...client, index, load, ledger, retain, topics, most, unseen, acknowledgeTimes })
  })
  const subscribers = Array.from({ length: load.subscribers }, (_, index) => {
    const client = {
      clientId: `bench-s${index}`,
      cleanSession: !load.persistent,
      filters: filtersOf(load, ledger, index),
      qos: subscriberQos,
    }
    return new Subscriber(network, client, index, receipts)
  })
  return { network, ledger, receipts, acknowledgeTimes, publishers, subscribers }
}

/** Opens all of them, so many at a time. @throws what the first one that fails throws */
export async function openAll(connections: readonly Connection[], atATime = CONNECTION_WINDOW, subscribe = true): Promise<void> {
  let next = 0
  const lane = async () => {
    for (let connection = connections[next++]; connection !== undefined; connection = connections[next++]) await connection.open(subscribe)
  }
  await Promise.all(Array.from({ length: Math.min(atATime, connections.length) }, lane))
}

export async function leaveAll(connections: readonly Connection[]): Promise<void> {
  await Promise.all(connections.map(connection => connection.leave()))
}

/** The part of a whole number that falls to one of `parts`; together they make it up. */
function share(whole: number, parts: number, index: number): number {
  return Math.floor(whole / parts) + (index < whole % parts ? 1 : 0)
}

function filtersOf(load: MessageLoad, ledger: Ledger, subscriber: number): string[] {
  if (load.filter === 'plus') return ['bench/+/+']
  if (load.filter === 'hash') return ['bench/#']
  return Array.from({ length: load.publishers }, (_, publisher) => publisher)
    .filter(publisher => ledger.expects(subscriber, publisher))
    .map(publisher => topicOf(publisher, 0))
}
