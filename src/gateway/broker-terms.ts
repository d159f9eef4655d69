/** What the configuration says of shared groups, retained and delayed messages, as the broker wants it. */
import type { DelayedTerms, RetainedTerms, SharedTerms } from '#broker/ports.ts'
import type { Delayed } from '#config/delayed.ts'
import type { Retained } from '#config/retained.ts'
import { type Shared, sharedOf } from '#config/shared.ts'

export function sharedTerms(config: Shared): (group: string) => SharedTerms {
  return group => {
    const { strategy, queue_messages, queue_bytes, when_full, queue_qos0 } = sharedOf(config, group)
    return {
      strategy,
      queue: { messagesMax: queue_messages, bytesMax: queue_bytes, ageMaxMs: 0, whenFull: when_full, qos0: queue_qos0 },
    }
  }
}

export function retainedTerms(config: Retained): RetainedTerms {
  return {
    messagesMax: config.max_messages,
    bytesMax: config.max_bytes,
    payloadBytesMax: config.max_payload,
    expiryMs: config.expiry,
    readPerSecond: config.read_per_second,
  }
}

export function delayedTerms({ max_messages, max_bytes, max_delay }: Delayed): DelayedTerms {
  return { messagesMax: max_messages, bytesMax: max_bytes, delayMaxMs: max_delay }
}
