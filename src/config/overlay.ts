/** Puts one value of the environment or of `--set` over a tree. */

import type { AnySchema } from '#base/schema.ts'
import type { Origin } from './fault.ts'
import type { Node, TableNode } from './tree.ts'
import { listNode, tableNode } from './tree.ts'

/** The schema of `key` under `schema`, or undefined where there is none. The file key of a secret counts as the secret. */
export function schemaUnder(schema: AnySchema | undefined, key: string, node?: Node): AnySchema | undefined {
  switch (schema?.kind) {
    case 'table':
      return Object.hasOwn(schema.keys, key) ? schema.keys[key] : undefined
    case 'map':
    case 'list':
      return schema.item
    case 'choice': {
      const chosen = node?.kind === 'table' ? node.entries.get(schema.discriminator) : undefined
      const word = chosen?.kind === 'scalar' ? String(chosen.written.value) : schema.default
      const first = word !== undefined && Object.hasOwn(schema.variants, word) ? [schema.variants[word]] : []
      for (const variant of [...first, ...Object.values(schema.variants)]) {
        if (Object.hasOwn(variant.keys, key)) return variant.keys[key]
      }
      return undefined
    }
    default:
      return undefined
  }
}

/**
 * Puts `value` at `path` into `root`, making the tables and list places on the way. Tables merge key by key, anything else is
 * replaced; the number after the last place of a list adds one. Returns what is wrong with the path, or undefined.
 */
export function overlay(root: TableNode, schema: AnySchema, path: readonly string[], value: Node): string | undefined {
  let container: TableNode | Extract<Node, { kind: 'list' }> = root
  let under: AnySchema | undefined = schema
  for (const [depth, key] of path.entries()) {
    const last = depth === path.length - 1
    const next: AnySchema | undefined = schemaUnder(under, key, container)
    if (container.kind === 'list') {
      const wrong = wrongPlace(key, container.items.length)
      if (wrong !== undefined) return wrong
    }
    const found: Node | undefined = container.kind === 'table' ? container.entries.get(key) : container.items[Number(key)]
    const made: Node = last ? merge(found, value) : containerFor(found, next, value.origin)
    if (container.kind === 'table') container.entries.set(key, made)
    else container.items[Number(key)] = made
    if (made.kind === 'scalar') return undefined
    container = made
    under = next
  }
  return undefined
}

function wrongPlace(key: string, length: number): string | undefined {
  if (!/^(0|[1-9]\d*)$/.test(key)) return `${JSON.stringify(key)} is no place in a list: places are numbers from 0`
  if (Number(key) <= length) return undefined
  const next = length === 0 ? 'it is empty: begin with 0' : `the next one is ${length}`
  return `there is no place ${key} in this list, ${next}`
}

function containerFor(found: Node | undefined, schema: AnySchema | undefined, origin: Origin): TableNode | Extract<Node, { kind: 'list' }> {
  if (found !== undefined && found.kind !== 'scalar') return found
  return schema?.kind === 'list' ? listNode(origin) : tableNode(origin)
}

function merge(found: Node | undefined, value: Node): Node {
  if (found?.kind !== 'table' || value.kind !== 'table') return value
  for (const [key, each] of value.entries) found.entries.set(key, merge(found.entries.get(key), each))
  return found
}
