/** What the cross-field checks of the features say, at the places of the keys that they name. */

import type { CheckFault } from '#base/schema.ts'
import type { KeyPath } from './fault.ts'
import { showKey } from './fault.ts'
import type { TableNode } from './tree.ts'
import { nearestNodeAt } from './tree.ts'
import type { Walk } from './walk.ts'

/** Notes the faults of a check of the table at `path`; whether it had none that forbid the value. */
export function applyCheck(walk: Walk, found: readonly CheckFault[] | undefined, table: TableNode, path: KeyPath): boolean {
  let passed = true
  for (const { key, message, hint, severity } of found ?? []) {
    const below = key === '' ? [] : key.split('.')
    const { origin } = nearestNodeAt(table, below)
    const fault = { origin, key: showKey([...path, ...below]), message, hint }
    if (severity === 'warning') walk.warnings.push(fault)
    else walk.faults.push(fault)
    passed &&= severity === 'warning'
  }
  return passed
}
