/** `[retained]`: the limits of retained messages. */
import type { Infer } from '#base/schema.ts'
import { duration, integer, size, table } from '#base/schema.ts'

export const retained = table(
  {
    max_messages: integer({ default: 1_000_000, min: 0, unit: 'messages', description: 'The most retained messages.' }),
    max_bytes: size({
      default: '256MiB',
      description: 'The most that all of them take together: payload, topic and 64 bytes each. They are kept in memory.',
    }),
    max_payload: size({ default: '256MiB', description: 'The largest payload that is retained.' }),
    expiry: duration({
      default: '0s',
      max: '49710d',
      description: 'How long a message without an expiry of its own is retained. `"0s"`: until it is replaced or cleared.',
    }),
    read_per_second: integer({
      default: 0,
      max: 10_000_000,
      unit: 'messages/s',
      description: 'How many retained messages a new subscription gets per second. 0: as fast as the client takes them.',
    }),
  },
  {
    description:
      'Retained messages. Beyond a limit a message is delivered and not retained: it is counted, and the value that its topic had is cleared.',
  },
)

export type Retained = Infer<typeof retained>
