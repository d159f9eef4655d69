/** What a client publishes on and subscribes to, rewritten as the rules say; see {@link TopicRewriter}. */
import type { Identity } from './access-port.ts'
import type { SubscribeRequest, TopicRewriter } from './ports.ts'
import type { CompiledRoute } from './route-table.ts'
import { formOf } from './subscription.ts'
import { isTopicFilter } from './topic.ts'

export class TopicRewriting {
  readonly #rewriter: TopicRewriter
  readonly #routeOf: (topic: string) => CompiledRoute | undefined

  constructor(rewriter: TopicRewriter, routeOf: (topic: string) => CompiledRoute | undefined) {
    this.#rewriter = rewriter
    this.#routeOf = routeOf
  }

  /** What clients publish on is rewritten, not only what they subscribe to. */
  get publishes(): boolean {
    return this.#rewriter.publishes
  }

  /** The route that a client's publish takes; its own where no rule applies, or where one makes what is no topic. */
  route(route: CompiledRoute, identity: Identity): CompiledRoute {
    if (route.rewritten !== undefined) return route.rewritten
    const topic = this.#rewriter.topic(route.topic, identity)
    const other = topic === route.topic ? route : (this.#routeOf(topic) ?? route)
    if (!this.#rewriter.dependsOnClient) route.rewritten = other
    return other
  }

  requests(requests: readonly SubscribeRequest[], identity: Identity): readonly SubscribeRequest[] {
    return requests.map(request => ({ ...request, filter: this.#filter(request.filter, identity) }))
  }

  filters(filters: readonly string[], identity: Identity): readonly string[] {
    return filters.map(filter => this.#filter(filter, identity))
  }

  #filter(filter: string, identity: Identity): string {
    const other = this.#rewriter.filter(filter, identity)
    const form = formOf(other)
    return form !== undefined && isTopicFilter(form.filter) ? other : filter
  }
}
