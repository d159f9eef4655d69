/** Where subscriptions stand: plain ones in the tree, shared ones in their groups, exclusive ones with one holder. */
import type { QueueNumbers } from './queue-numbers.ts'
import type { Session } from './session.ts'
import { type GroupHost, SharedGroup } from './shared-group.ts'
import type { SharedTerms } from './sharing.ts'
import type { StoredQueue, StoredState } from './store-port.ts'
import { formOf, type Placed, type Subscription } from './subscription.ts'
import type { TopicTree } from './topic-tree.ts'

const GROUPS = 'shared'

/** One session's hold on an exclusive filter. */
interface Hold {
  session: Session
}

export class SubscriptionIndex {
  readonly #host: GroupHost
  readonly #tree: TopicTree<Placed>
  readonly #numbers: QueueNumbers
  readonly #termsOf: (group: string) => SharedTerms
  /** By filter as the clients give it. */
  readonly #groups = new Map<string, SharedGroup>()
  /** By filter without its prefix. */
  readonly #holds = new Map<string, Hold>()

  constructor(host: GroupHost, tree: TopicTree<Placed>, numbers: QueueNumbers, termsOf: (group: string) => SharedTerms) {
    this.#host = host
    this.#tree = tree
    this.#numbers = numbers
    this.#termsOf = termsOf
  }

  groups(): IterableIterator<SharedGroup> {
    return this.#groups.values()
  }

  /** Whether an exclusive filter is another session's. */
  heldByOther(filter: string, session: Session): boolean {
    const hold = this.#holds.get(filter)
    return hold !== undefined && hold.session !== session
  }

  /** Who receives a topic is decided anew. */
  rulesChanged(): void {
    this.#tree.epoch++
  }

  /** Puts a subscription where it belongs, in the place of the one that its session has there. */
  place(subscription: Subscription): void {
    const form = formOf(subscription.filter)
    const { session } = subscription
    if (form === undefined) return
    if (form.kind === 'plain') this.#tree.add(session, form.filter, subscription)
    else if (form.kind === 'shared') this.#join(subscription, form.group, form.filter)
    else {
      const hold = this.#holds.get(form.filter) ?? { session }
      this.#holds.set(form.filter, hold)
      this.#tree.add(hold, form.filter, subscription)
    }
  }

  /** Takes a subscription out. A group whose last member it was ends. */
  withdraw(session: Session, filter: string): void {
    const form = formOf(filter)
    if (form === undefined) return
    if (form.kind === 'plain') this.#tree.remove(session, form.filter)
    else if (form.kind === 'shared') this.#leave(session, filter)
    else {
      const hold = this.#holds.get(form.filter)
      if (hold?.session !== session) return
      this.#holds.delete(form.filter)
      this.#tree.remove(hold, form.filter)
    }
  }

  /** Makes the groups of the run before. Takes their queues out of `queues`; the members join as they are restored. */
  restore(state: StoredState, queues: Map<number, StoredQueue>): void {
    for (const [name, bytes] of state.records.get(GROUPS) ?? []) {
      const form = formOf(name)
      const queue = Number(Buffer.from(bytes).toString())
      if (form?.kind !== 'shared' || !Number.isSafeInteger(queue) || queue < 1) continue
      this.#create(name, form.group, form.filter).restore(queue, queues.get(queue))
      queues.delete(queue)
      this.#numbers.seen(queue)
    }
    state.records.delete(GROUPS)
  }

  /** Ends groups that nobody has joined since the start: their members were of the kind that a restart ends. */
  endEmptyGroups(): void {
    for (const group of [...this.#groups.values()]) if (group.members === 0) this.#end(group)
  }

  #join(subscription: Subscription, groupName: string, filter: string): void {
    const { session, filter: name } = subscription
    const group = this.#groups.get(name) ?? this.#create(name, groupName, filter)
    if (session.durable && !group.durable) {
      const queue = this.#numbers.take()
      this.#host.store.putRecord(GROUPS, name, Buffer.from(String(queue)))
      group.persist(queue)
    }
    group.join(subscription)
    this.#tree.epoch++
  }

  #create(name: string, groupName: string, filter: string): SharedGroup {
    const group = new SharedGroup(this.#host, name, filter, this.#termsOf(groupName))
    this.#groups.set(name, group)
    this.#tree.add(group, filter, group)
    return group
  }

  #leave(session: Session, name: string): void {
    const group = this.#groups.get(name)
    if (group === undefined) return
    if (group.leave(session) === 0) this.#end(group)
    this.#tree.epoch++
  }

  #end(group: SharedGroup): void {
    const queue = group.queue.number
    this.#groups.delete(group.name)
    this.#tree.remove(group, group.filter)
    group.end()
    if (queue === 0) return
    this.#host.store.deleteRecord(GROUPS, group.name)
    this.#numbers.free(queue)
  }
}
