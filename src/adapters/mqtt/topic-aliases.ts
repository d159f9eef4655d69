/** Topic aliases (`MQTT 5 §3.3.2.3.4`): those a client has set, and those we set towards it. Both end with the connection. */
import { GatewayError } from '#base/errors.ts'
import type { Route } from '#broker/ports.ts'
import { REASON_CODES } from '#codecs/mqtt/index.ts'

/** An alias takes three bytes in place of the topic: one that is not longer is not worth it. */
const WORTH_CHARACTERS = 4

/** The routes of a client's aliases. */
export class IncomingAliases {
  readonly #routes: (Route | undefined)[] = []
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /** @throws GatewayError `decode-malformed` with reason 0x94 for an alias beyond Topic Alias Maximum [MQTT-3.3.2-9] */
  check(alias: number): void {
    if (alias > this.#max) {
      refuse(`topic alias ${alias} is more than the ${this.#max} that are allowed`, REASON_CODES.topicAliasInvalid)
    }
  }

  set(alias: number, route: Route): void {
    this.#routes[alias] = route
  }

  /** @throws GatewayError `decode-malformed` with reason 0x82 for an alias that was never set (`§3.3.2.3.4`) */
  get(alias: number): Route {
    return this.#routes[alias] ?? refuse(`topic alias ${alias} is used and was never set`, REASON_CODES.protocolError)
  }
}

interface Slot {
  topic: string
  alias: number
  used: boolean
}

/**
 * Aliases towards a client. When all are given away a topic takes the place of one that was not used since it was last
 * looked at, so that topics which come once do not drive out those that come often.
 */
export class OutgoingAliases {
  readonly #max: number
  readonly #byTopic = new Map<string, Slot>()
  readonly #slots: Slot[] = []
  #hand = 0

  constructor(max: number) {
    this.#max = max
  }

  /** The alias of a topic; negative: it is set by this packet, which carries the topic as well; 0: it gets none. */
  take(topic: string): number {
    if (topic.length < WORTH_CHARACTERS) return 0
    const slot = this.#byTopic.get(topic)
    if (slot !== undefined) {
      slot.used = true
      return slot.alias
    }
    if (this.#slots.length < this.#max) {
      const fresh = { topic, alias: this.#slots.length + 1, used: false }
      this.#slots.push(fresh)
      this.#byTopic.set(topic, fresh)
      return -fresh.alias
    }
    return this.#replace(topic)
  }

  #replace(topic: string): number {
    const slot = this.#slots[this.#hand]
    this.#hand = (this.#hand + 1) % this.#max
    if (slot.used) {
      slot.used = false
      return 0
    }
    this.#byTopic.delete(slot.topic)
    slot.topic = topic
    this.#byTopic.set(topic, slot)
    return -slot.alias
  }
}

function refuse(message: string, reason: number): never {
  throw new GatewayError('decode-malformed', message, { reason, offset: 0 })
}
