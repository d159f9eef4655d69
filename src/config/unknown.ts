/** A key that no schema has: what was probably meant, or where it belongs. */

import type { AnySchema, TableSchema } from '#base/schema.ts'
import { nearest, sameWord } from '#base/schema.ts'
import type { KeyPath } from './fault.ts'
import { rankOf, showKey } from './fault.ts'
import type { Node } from './tree.ts'
import type { Walk } from './walk.ts'

const HOMES_MAX = 3
const KNOWN_MAX = 12

/**
 * Notes the fault of an unknown key, with the nearest known one or the tables that have such a key. Returns the known key that
 * was most likely meant, if there is one.
 */
export function reportUnknown(
  walk: Walk,
  schema: TableSchema,
  discriminator: string | undefined,
  key: string,
  node: Node,
  path: KeyPath,
): string | undefined {
  const known = Object.entries(schema.keys).flatMap(([name, { kind }]) => (kind === 'secret' ? [name, `${name}_file`] : [name]))
  if (discriminator !== undefined) known.push(discriminator)
  const { meant, hint } = guess(walk.root, key, known)
  const origin = rankOf(node.keyOrigin) === 1 ? node.keyOrigin : node.origin
  walk.faults.push({ origin, key: showKey([...path, key]), message: 'unknown key', hint })
  return meant
}

function guess(root: AnySchema, key: string, known: readonly string[]): { meant?: string; hint?: string } {
  const same = known.find(each => sameWord(each, key))
  const homes = same === undefined ? [...homesOf(root, key, [], 0)] : []
  if (homes.length > 0 && homes.length <= HOMES_MAX) return { hint: `it belongs in ${homes.join(' or ')}` }
  const meant = same ?? nearest(key, known)
  if (meant !== undefined) return { meant, hint: `did you mean "${meant}"?` }
  return known.length > 0 && known.length <= KNOWN_MAX ? { hint: `known: ${known.join(', ')}` } : {}
}

/** The tables of the whole configuration that have `key`. */
function* homesOf(schema: AnySchema, key: string, path: readonly string[], depth: number): Generator<string> {
  if (depth > 8) return
  switch (schema.kind) {
    case 'table':
      if (Object.hasOwn(schema.keys, key) && path.length > 0) yield `[${path.join('.')}]`
      for (const [name, each] of Object.entries(schema.keys)) yield* homesOf(each, key, [...path, name], depth + 1)
      return
    case 'map':
      yield* homesOf(schema.item, key, [...path, 'NAME'], depth + 1)
      return
    case 'choice':
      yield* homesOfVariants(Object.values(schema.variants), key, path, depth)
      return
    case 'list':
      for (const home of homesOf(schema.item, key, path, depth + 1)) yield home.replace(`[${path.join('.')}]`, `[[${path.join('.')}]]`)
      return
    default:
  }
}

function* homesOfVariants(variants: readonly TableSchema[], key: string, path: readonly string[], depth: number): Generator<string> {
  yield* new Set(variants.flatMap(variant => [...homesOf(variant, key, path, depth + 1)]))
}
