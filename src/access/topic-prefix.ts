/** Rules are about the topics behind the broker's own prefixes: `$share/GROUP/`, `$queue/`, `$exclusive/`, `$delayed/SECONDS/`. */

/** What a subscription to this filter delivers. */
export function subscribedFilter(filter: string): string {
  if (!filter.startsWith('$')) return filter
  return filter.replace(/^\$(?:share\/[^/]*|queue|exclusive)\//, '')
}

/** Whether a subscription is one of a group (`$share/GROUP/`, `$queue/`), whose messages go to any member. */
export function isShared(filter: string): boolean {
  return /^\$(?:share\/[^/]*|queue)\//.test(filter)
}

/** The topic under which a message comes out. */
export function publishedTopic(topic: string): string {
  return topic.startsWith('$delayed/') ? topic.replace(/^\$delayed\/[^/]*\//, '') : topic
}
