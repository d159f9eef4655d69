import type { ClientLimits } from '#broker/ports.ts'
import type { Limits } from '#config/limits.ts'

/** The limits of a client that is not MQTT's. */
export function clientLimits(limits: Limits): ClientLimits {
  return {
    queue: {
      messagesMax: limits.queue_messages,
      bytesMax: limits.queue_bytes,
      ageMaxMs: 0,
      whenFull: 'drop-oldest',
      qos0: limits.queue_qos0,
    },
    inFlightMax: limits.receive_maximum,
    topicLevelsMax: limits.topic_levels,
  }
}
