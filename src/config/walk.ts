/** What a walk over schema and tree carries with it. */

import type { AnySchema, Outside, Written } from '#base/schema.ts'
import type { Fault, KeyPath, Origin } from './fault.ts'
import { showKey } from './fault.ts'
import type { Includes } from './include.ts'
import type { Node, TableNode } from './tree.ts'

/** What a walk needs and what it finds. */
export interface Walk extends Outside {
  readonly root: AnySchema
  /** Where relative paths count from, for what was written and for defaults. */
  readonly folder: string
  readonly defaultFolder: string
  readonly includes: Includes
  readonly faults: Fault[]
  readonly warnings: Fault[]
  /** Names that must exist as `[target.NAME]`, to be looked up when the whole tree is known. */
  readonly references: { readonly path: KeyPath; readonly origin: Origin; readonly target: string; readonly name: string }[]
}

/** Stands for a value with a fault, so that no check runs on it. */
export const FAILED = Symbol('failed')

/** Notes a fault. */
export function fail(walk: Walk, origin: Origin, path: KeyPath, message: string, hint?: string): typeof FAILED {
  walk.faults.push({ origin, key: showKey(path), message, hint })
  return FAILED
}

/** The text of a node that a textual key gets: from the environment or `--set` the whole text, whatever it reads as. */
export function textOf(node: Node): Written | undefined {
  if (node.raw !== undefined && !(node.kind === 'scalar' && node.written.type === 'string')) return { type: 'string', value: node.raw }
  return node.kind === 'scalar' ? node.written : undefined
}

/** Notes that a key still works and should be replaced. */
export function warnDeprecated(walk: Walk, instead: string, table: TableNode, key: string, path: KeyPath): void {
  const origin = table.entries.get(key)?.keyOrigin ?? table.origin
  walk.warnings.push({ origin, key: showKey([...path, key]), message: 'is out of date', hint: instead })
}
