import type { RateLimits } from '#base/publish-rate.ts'
import type { ClientLimits, QueueLimits } from '#broker/ports.ts'
import type { Limits } from '#config/limits.ts'

/** The limits of a client that is not MQTT's. */
export function clientLimits(limits: Limits): ClientLimits {
  return {
    queue: {
      messagesMax: limits.queue_messages,
      bytesMax: limits.queue_bytes,
      ageMaxMs: 0,
      whenFull: limits.when_full,
      qos0: limits.queue_qos0,
      ...prioritiesOf(limits),
    },
    inFlightMax: limits.receive_maximum,
    topicLevelsMax: limits.topic_levels,
    rate: rateLimits(limits),
  }
}

/** Nothing where nothing is ranked: a session then has one queue. */
export function prioritiesOf({ priorities }: Limits): Pick<QueueLimits, 'priorities'> {
  return priorities.length === 0 ? {} : { priorities: priorities.map(({ topic, rank }) => ({ filter: topic, rank })) }
}

export function rateLimits(limits: Limits): RateLimits {
  return { messagesPerSecond: limits.messages_per_second, burst: limits.burst, bytesPerSecond: limits.bytes_per_second }
}
