/** Routes: which resource serves a method and path. */
import { GatewayError } from '#base/errors.ts'
import type { Answer } from './answer.ts'
import type { GatewayControl } from './ports.ts'

export type Method = 'GET' | 'POST' | 'DELETE'

/** A request as a resource sees it. */
export interface ApiRequest {
  /** What stood for each `{name}` of the route's path, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /**
   * The body as JSON; undefined when there is none.
   * @throws GatewayError `bad-request`
   */
  readonly body: () => Promise<unknown>
}

export interface Route {
  readonly method: Method
  /** `/api/v1/clients/{id}`: a name in braces stands for one level. */
  readonly path: string
  /** One sentence for the API's description. */
  readonly summary: string
  /** Served on TCP without key or login. */
  readonly open?: boolean
  readonly handle: (request: ApiRequest, control: GatewayControl) => Answer | Promise<Answer>
}

export type Match =
  | { kind: 'found'; route: Route; params: Record<string, string> }
  /** The path exists, with these methods. */
  | { kind: 'wrong-method'; allowed: Method[] }
  | { kind: 'none' }

interface Entry {
  route: Route
  levels: string[]
}

export class Router {
  readonly #entries: Entry[]

  constructor(routes: readonly Route[]) {
    this.#entries = routes.map(route => ({ route, levels: route.path.split('/') }))
  }

  /**
   * Finds the route of a request; HEAD is served as GET. `path` is as it came, without query.
   * @throws GatewayError `bad-request` when its escapes are malformed
   */
  match(method: string, path: string): Match {
    const levels = path.split('/').map(decodeLevel)
    const wanted = method === 'HEAD' ? 'GET' : method
    const allowed: Method[] = []
    for (const { route, levels: pattern } of this.#entries) {
      const params = matchLevels(pattern, levels)
      if (params === undefined) continue
      if (route.method === wanted) return { kind: 'found', route, params }
      allowed.push(route.method)
    }
    return allowed.length > 0 ? { kind: 'wrong-method', allowed } : { kind: 'none' }
  }
}

function matchLevels(pattern: readonly string[], levels: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== levels.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, want] of pattern.entries()) {
    const level = levels[index] as string
    if (want.startsWith('{')) {
      if (level === '') return undefined
      params[want.slice(1, -1)] = level
    } else if (want !== level) return undefined
  }
  return params
}

function decodeLevel(level: string): string {
  try {
    return decodeURIComponent(level)
  } catch (cause) {
    throw new GatewayError('bad-request', 'the path has a malformed % escape', { cause })
  }
}
