/** Lists come in pages: `limit` items a page, `page` from 1. */
import { GatewayError } from '#base/errors.ts'
import { type Answer, ok } from './answer.ts'

const LIMIT_DEFAULT = 100
const LIMIT_MAX = 1_000
const PAGE_MAX = 1_000_000

export interface Page {
  limit: number
  page: number
}

export interface PageOf<T> {
  data: T[]
  meta: { page: number; limit: number; count: number; has_next: boolean }
}

/** @throws GatewayError `bad-request` */
export function pageOf(query: URLSearchParams): Page {
  return { limit: whole(query, 'limit', LIMIT_DEFAULT, LIMIT_MAX), page: whole(query, 'page', 1, PAGE_MAX) }
}

/** Cuts the page out of all items; `view` makes an item what the API shows. */
export function listAnswer<T, V>(items: readonly T[], query: URLSearchParams, view: (item: T) => V): Answer {
  const { limit, page } = pageOf(query)
  const start = (page - 1) * limit
  const end = start + limit
  const body: PageOf<V> = {
    data: items.slice(start, end).map(view),
    meta: { page, limit, count: items.length, has_next: end < items.length },
  }
  return ok(body)
}

/** A parameter that is `true` or `false`; undefined when absent. @throws GatewayError `bad-request` */
export function flagOf(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (text === 'true' || text === 'false') return text === 'true'
  throw new GatewayError('bad-request', `${name} is not true or false: ${text}`)
}

function whole(query: URLSearchParams, name: string, byDefault: number, max: number): number {
  const text = query.get(name)
  if (text === null) return byDefault
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= max) return value
  throw new GatewayError('bad-request', `${name} is not a whole number from 1 to ${max}: ${text}`)
}
