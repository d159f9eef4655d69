/** How a shared group chooses among its members. */
import type { Message } from './message.ts'
import type { QueueLimits } from './ports.ts'

/**
 * `round-robin`: each in turn; `random`: any; `sticky`: one, until it goes; `hash-client`, `hash-topic`: what one client
 * publishes, or what is published on one topic, goes to one member. Whoever has no room is passed over; the last three
 * let a few messages wait for their member first.
 */
export const SHARED_STRATEGIES = ['round-robin', 'random', 'sticky', 'hash-client', 'hash-topic'] as const
export type SharedStrategy = (typeof SHARED_STRATEGIES)[number]

/** What holds for one group. */
export interface SharedTerms {
  strategy: SharedStrategy
  queue: QueueLimits
}

/** What holds where nothing is configured. */
export const SHARED_TERMS: SharedTerms = {
  strategy: 'round-robin',
  queue: { messagesMax: 100_000, bytesMax: 64 * 1024 * 1024, ageMaxMs: 0, whenFull: 'drop-oldest', qos0: false },
}

/** A choice among `count` members for a message: where to begin to look, and whether that one is waited for. */
export class Chooser {
  readonly strategy: SharedStrategy
  readonly #random: () => number
  #turn = 0

  constructor(strategy: SharedStrategy, random: () => number) {
    this.strategy = strategy
    this.#random = random
    if (strategy === 'sticky') this.unstick()
  }

  /** Whether messages belong to a member more than to the others. */
  get faithful(): boolean {
    return this.strategy !== 'round-robin' && this.strategy !== 'random'
  }

  first(message: Message, count: number): number {
    switch (this.strategy) {
      case 'round-robin':
        return this.#turn++ % count
      case 'random':
        return Math.floor(this.#random() * count)
      case 'sticky':
        return this.#turn % count
      case 'hash-client':
        return hash(message.publisher) % count
      case 'hash-topic':
        return hash(message.topic) % count
    }
  }

  /** The sticky member has gone: another is chosen by chance. */
  unstick(): void {
    this.#turn = Math.floor(this.#random() * 0x4000_0000)
  }
}

function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16777619)
  // The low bits alone are poor for names that count up.
  return (value ^ (value >>> 15)) >>> 0
}
