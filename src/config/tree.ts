/** A configuration before it is checked: what was written, and where each key and value came from. */

import type { Plain, Written } from '#base/schema.ts'
import { writtenFrom } from '#base/schema.ts'
import type { KeyPath, Origin } from './fault.ts'

interface Placed {
  /** Where the value begins. */
  readonly origin: Origin
  /** Where its key stands; for an item of a list the same as `origin`. */
  readonly keyOrigin: Origin
  /** The whole text of a value from the environment or `--set`, for keys that want text whatever it looks like. */
  readonly raw?: string | undefined
}

export interface ScalarNode extends Placed {
  readonly kind: 'scalar'
  readonly written: Written
}

export interface TableNode extends Placed {
  readonly kind: 'table'
  readonly entries: Map<string, Node>
}

export interface ListNode extends Placed {
  readonly kind: 'list'
  readonly items: Node[]
}

export type Node = ScalarNode | TableNode | ListNode

/** An empty table. */
export function tableNode(origin: Origin, keyOrigin: Origin = origin): TableNode {
  return { kind: 'table', origin, keyOrigin, entries: new Map() }
}

/** An empty list. */
export function listNode(origin: Origin, keyOrigin: Origin = origin): ListNode {
  return { kind: 'list', origin, keyOrigin, items: [] }
}

/** A value given in code as a node. */
export function nodeFrom(value: Plain, origin: Origin): Node {
  if (typeof value !== 'object') return { kind: 'scalar', written: writtenFrom(value), origin, keyOrigin: origin }
  if (isList(value)) return { ...listNode(origin), items: value.map(item => nodeFrom(item, origin)) }
  const entries = Object.entries(value).map(([key, item]) => [key, nodeFrom(item, origin)] as const)
  return { ...tableNode(origin), entries: new Map(entries) }
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value)
}

/** The node at `path`, or undefined. */
export function nodeAt(root: Node, path: KeyPath): Node | undefined {
  let node: Node | undefined = root
  for (const part of path) {
    if (node?.kind === 'table') node = node.entries.get(String(part))
    else if (node?.kind === 'list') node = node.items[Number(part)]
    else return undefined
  }
  return node
}

/** The node at `path`, or else the nearest one above it. */
export function nearestNodeAt(root: Node, path: KeyPath): Node {
  for (let length = path.length; length > 0; length--) {
    const node = nodeAt(root, path.slice(0, length))
    if (node !== undefined) return node
  }
  return root
}
