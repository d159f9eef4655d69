/** `[shared]`: shared subscriptions. */
import type { Infer } from '#base/schema.ts'
import { boolean, enumeration, integer, list, overrides, size, string, table } from '#base/schema.ts'
import { SHARED_STRATEGIES } from '#broker/ports.ts'

const keys = {
  strategy: enumeration(SHARED_STRATEGIES, {
    default: 'round-robin',
    description:
      'Which member gets a message: each in turn, any, one until it goes, or always the same for what one client publishes or for one topic. Who has no room is passed over.',
  }),
  queue_messages: integer({
    default: 100_000,
    min: 1,
    unit: 'messages',
    description: 'The most messages that wait for the members of a group.',
  }),
  queue_bytes: size({ default: '64MiB', min: '1KiB', description: 'The most bytes that wait for the members of a group.' }),
  queue_qos0: boolean({ default: false, description: 'Whether QoS 0 messages are kept while no member is there.' }),
  when_full: enumeration(['drop-oldest', 'drop-newest', 'reject'], {
    default: 'drop-oldest',
    description: 'What a group at its limit does: its oldest message goes, the new one is not taken, or the publish is refused.',
  }),
}

const groups = list(
  table(
    {
      name: string({ required: true, description: 'The group: what stands in `$share/NAME/…`, or `$queue`.', example: 'workers' }),
      ...overrides(keys),
    },
    { description: 'Keys of `[shared]` that differ for one group; what is not said here is as it is there.' },
  ),
  { description: 'Groups that differ.', max: 1000 },
)

export const shared = table({ ...keys, groups }, { description: 'Shared subscriptions, `$share/GROUP/FILTER` and `$queue/FILTER`.' })

export type Shared = Infer<typeof shared>

/** What holds for a group. */
export function sharedOf(config: Shared, group: string): Omit<Shared, 'groups'> {
  const { groups, ...common } = config
  return { ...common, ...groups.find(({ name }) => name === group) }
}
