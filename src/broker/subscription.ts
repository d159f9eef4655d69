/** A subscription, and what its filter says about how it is shared. */
import type { Qos } from './message.ts'
import type { Target } from './route-table.ts'
import type { Session } from './session.ts'

export interface Subscription {
  readonly session: Session
  /** As the client gave it, with `$share/…` before it where it has that. */
  readonly filter: string
  readonly qos: Qos
  readonly qosAtLeast: Qos
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  readonly identifier: number | undefined
}

/** What stands at a topic filter: a client's subscription, or a group that is one recipient. */
export type Placed = Subscription | { readonly target: Target }

/** A filter taken apart. `filter` is what topics are matched with. */
export type FilterForm =
  | { readonly kind: 'plain' | 'exclusive'; readonly filter: string }
  | { readonly kind: 'shared'; readonly group: string; readonly filter: string }

const SHARE = '$share/'
const QUEUE = '$queue/'
const EXCLUSIVE = '$exclusive/'

/**
 * Takes a subscription's filter apart: `$share/GROUP/FILTER` (`MQTT 5 §4.8.2`), `$queue/FILTER` (the group `$queue`),
 * `$exclusive/FILTER`. Undefined: a `$share` without a group name or filter, or with a wildcard in the name [MQTT-4.8.2-1, -2].
 */
export function formOf(filter: string): FilterForm | undefined {
  if (filter.charCodeAt(0) !== 0x24) return { kind: 'plain', filter }
  if (filter.startsWith(QUEUE)) return { kind: 'shared', group: '$queue', filter: filter.slice(QUEUE.length) }
  if (filter.startsWith(EXCLUSIVE)) return { kind: 'exclusive', filter: filter.slice(EXCLUSIVE.length) }
  if (!filter.startsWith(SHARE)) return { kind: 'plain', filter }
  const end = filter.indexOf('/', SHARE.length)
  const group = filter.slice(SHARE.length, end)
  if (end === -1 || group === '' || /[+#]/.test(group)) return undefined
  return { kind: 'shared', group, filter: filter.slice(end + 1) }
}
