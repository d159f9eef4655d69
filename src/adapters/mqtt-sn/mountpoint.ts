/** The listener's mountpoint: a prefix that nodes do not see. */

export class Mountpoint {
  readonly prefix: string

  constructor(prefix = '') {
    this.prefix = prefix
  }

  /** A node's topic as the broker knows it. */
  topic(name: string): string {
    return this.prefix + name
  }

  /** The same for a filter; what stands before a shared filter stays there. */
  filter(filter: string): string {
    if (this.prefix === '') return filter
    const shared = /^\$(?:share\/[^/]*|queue)\//.exec(filter)?.[0] ?? ''
    return shared + this.prefix + filter.slice(shared.length)
  }

  /** A topic of the broker as the node knows it. */
  strip(topic: string): string {
    return topic.startsWith(this.prefix) ? topic.slice(this.prefix.length) : topic
  }
}
