import { CODE, encodeLinks, FORMAT, filterLinks, type Link, METHOD } from '#codecs/coap/index.ts'
import type { ServerExchange } from './endpoint-exchange.ts'

/** Handles one request; must answer it, now or later. */
export type ResourceHandler = (exchange: ServerExchange) => void

/** A resource, or with `subtree` all resources below a path. */
export interface Resource {
  readonly path: readonly string[]
  readonly subtree?: boolean
  /** By method, see `METHOD`. Other methods get 4.05. */
  readonly handlers: Readonly<Record<number, ResourceHandler>>
  /** The Content-Formats that its requests may have; others get 4.15. Undefined: any. */
  readonly formats?: readonly number[]
  /** Its attributes in `/.well-known/core`; undefined: it is not listed. */
  readonly attributes?: Link['attributes']
}

/** The resources of an endpoint. Exact paths go before subtrees, longer subtrees before shorter ones. */
export class ResourceTable {
  readonly #exact = new Map<string, Resource>()
  readonly #subtrees = new Map<string, Resource>()
  #depthMax = 0

  constructor() {
    this.add({ path: ['.well-known', 'core'], handlers: { [METHOD.GET]: exchange => this.#discover(exchange) } })
  }

  add(resource: Resource): void {
    const key = pathKey(resource.path, resource.path.length)
    if (resource.subtree === true) {
      this.#subtrees.set(key, resource)
      this.#depthMax = Math.max(this.#depthMax, resource.path.length)
    } else this.#exact.set(key, resource)
  }

  remove(resource: Resource): void {
    const key = pathKey(resource.path, resource.path.length)
    const from = resource.subtree === true ? this.#subtrees : this.#exact
    if (from.get(key) === resource) from.delete(key)
  }

  find(path: readonly string[]): Resource | undefined {
    if (path.length <= EXACT_DEPTH_MAX) {
      const exact = this.#exact.get(pathKey(path, path.length))
      if (exact !== undefined) return exact
    }
    for (let depth = Math.min(path.length, this.#depthMax); depth > 0; depth--) {
      const subtree = this.#subtrees.get(pathKey(path, depth))
      if (subtree !== undefined) return subtree
    }
    return undefined
  }

  links(): Link[] {
    const links: Link[] = []
    for (const { path, attributes } of [...this.#exact.values(), ...this.#subtrees.values()]) {
      if (attributes !== undefined) links.push({ href: `/${path.join('/')}`, attributes })
    }
    return links
  }

  /** `/.well-known/core` (`RFC 6690 §4`). */
  #discover(exchange: ServerExchange): void {
    const { accept, query } = exchange.request
    if (accept !== undefined && accept !== FORMAT.LinkFormat) {
      exchange.respond({ code: CODE.NotAcceptable })
      return
    }
    const payload = Buffer.from(encodeLinks(filterLinks(this.links(), query)), 'utf8')
    exchange.respond({ code: CODE.Content, contentFormat: FORMAT.LinkFormat, payload })
  }
}

/** Longer paths are not looked up whole: no exact resource has so many segments. */
const EXACT_DEPTH_MAX = 8

function pathKey(path: readonly string[], depth: number): string {
  let key = ''
  for (let i = 0; i < depth; i++) key += `${path[i]}\u0000`
  return key
}
