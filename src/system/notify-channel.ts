/** Messages to the service manager, in order, over the first way that works. */
import type { Clock, Timer } from '#base/clock.ts'
import type { Logger } from '#base/logger.ts'
import type { NotifyWay } from './notify-ways.ts'

const RETRY_MS = 100
/** A manager that takes nothing for so long has other troubles; the oldest goes. */
const WAITING_MAX = 16

export class NotifyChannel {
  readonly #ways: NotifyWay[]
  readonly #clock: Clock
  readonly #logger: Logger
  #waiting: string[] = []
  #retry: Timer | undefined

  constructor(ways: readonly NotifyWay[], clock: Clock, logger: Logger) {
    this.#ways = [...ways]
    this.#clock = clock
    this.#logger = logger
  }

  /** Whether anybody listens. */
  get open(): boolean {
    return this.#ways.length > 0
  }

  /** Sends `NAME=value` fields as one message. What cannot be sent is no error of the gateway's: it is logged once. */
  tell(...fields: string[]): void {
    if (!this.open) return
    this.#waiting.push(fields.map(oneLine).join('\n'))
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift()
    if (this.#retry === undefined) this.#flush()
  }

  #flush(): void {
    this.#retry = undefined
    while (this.#waiting.length > 0) {
      const way = this.#ways[0]
      if (way === undefined) {
        this.#waiting = []
        return
      }
      const outcome = way.send(this.#waiting[0]!)
      if (outcome === 'sent') this.#waiting.shift()
      else if (outcome === 'busy') {
        this.#retry = this.#clock.setTimer(RETRY_MS, () => this.#flush())
        return
      } else this.#giveUp(way, outcome.fault)
    }
  }

  #giveUp(way: NotifyWay, fault: string): void {
    this.#ways.shift()
    const next = this.#ways[0]
    if (next !== undefined) this.#logger.info('the service manager is told another way', { instead: next.name, of: way.name, fault })
    else this.#logger.warn('the service manager cannot be told how the gateway is', { fault })
  }
}

/** A line end inside a value would begin another field. */
function oneLine(field: string): string {
  return field.replace(/[\x00-\x1f\x7f]+/g, ' ')
}
