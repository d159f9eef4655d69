/** `[delayed]`: the limits of delayed messages. */
import type { Infer } from '#base/schema.ts'
import { duration, integer, size, table } from '#base/schema.ts'

export const delayed = table(
  {
    max_messages: integer({
      default: 10_000,
      min: 0,
      max: 1_000_000,
      unit: 'messages',
      description: 'The most messages that wait for their time. 0: none is taken.',
    }),
    max_bytes: size({
      default: '16MiB',
      description: 'The most that all of them take together: payload, topic and 64 bytes each. They are kept in memory and on disk.',
    }),
    max_delay: duration({ default: '49d', max: '49710d', description: 'The longest delay.' }),
  },
  {
    description:
      'Messages published on `$delayed/{seconds}/{topic}` are delivered on `{topic}` after so many seconds. What is over a limit is refused (0x97).',
  },
)

export type Delayed = Infer<typeof delayed>
