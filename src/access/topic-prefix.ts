/** Rules are about the topics behind the broker's own prefixes: `$share/GROUP/`, `$queue/`, `$exclusive/`, `$delayed/SECONDS/`. */

/** What a subscription to this filter delivers. */
export function subscribedFilter(filter: string): string {
  if (!filter.startsWith('$')) return filter
  return filter.replace(/^\$(?:share\/[^/]*|queue|exclusive)\//, '')
}

/** The topic under which a message comes out. */
export function publishedTopic(topic: string): string {
  return topic.startsWith('$delayed/') ? topic.replace(/^\$delayed\/[^/]*\//, '') : topic
}
