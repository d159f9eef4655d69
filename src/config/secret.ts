/** A secret stands in the configuration itself or in a file that the key `NAME_file` names. */

import { resolve } from 'node:path'
import { systemCode } from '#base/errors.ts'
import type { SecretSchema } from '#base/schema.ts'
import { quote, showWritten } from '#base/schema.ts'
import type { KeyPath, Origin } from './fault.ts'
import { rankOf } from './fault.ts'
import type { Node, TableNode } from './tree.ts'
import type { Walk } from './walk.ts'
import { type FAILED, fail as note, textOf, warnDeprecated } from './walk.ts'

const SECRET_BYTES_MAX = 65_536

/** The secret of `key` in `table`, undefined if there is none, or `FAILED`. Of two sources the later in the order of inputs wins. */
export function readSecret(
  walk: Walk,
  key: string,
  schema: SecretSchema,
  table: TableNode,
  path: KeyPath,
): string | undefined | typeof FAILED {
  const value = table.entries.get(key)
  const file = table.entries.get(`${key}_file`)
  const fail = (origin: Origin, name: string, message: string, hint?: string): typeof FAILED => {
    return note(walk, origin, [...path, name], message, hint)
  }
  if (schema.deprecated !== undefined && (value ?? file) !== undefined) {
    warnDeprecated(walk, schema.deprecated, table, value === undefined ? `${key}_file` : key, path)
  }
  if (value !== undefined && file !== undefined && rankOf(value.origin) === rankOf(file.origin)) {
    return fail(file.keyOrigin, `${key}_file`, `stands beside ${key}`, 'keep one of the two')
  }
  if (value !== undefined && (file === undefined || rankOf(value.origin) > rankOf(file.origin))) {
    const written = textOf(value)
    if (written?.type !== 'string') return fail(value.origin, key, 'must be text', 'in quotes')
    return written.value === '' ? fail(value.origin, key, 'must not be empty') : written.value
  }
  if (file !== undefined) {
    const outcome = readSecretFile(walk, file)
    return outcome.ok ? outcome.text : fail(file.origin, `${key}_file`, outcome.message, outcome.hint)
  }
  if (schema.presence === 'optional') return undefined
  return fail(table.origin, key, 'is missing', `or ${key}_file, the name of a file that holds it`)
}

type Outcome = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string; readonly hint?: string }

function readSecretFile(walk: Walk, node: Node): Outcome {
  const written = textOf(node)
  if (written === undefined) return { ok: false, message: 'must be the name of a file' }
  if (written.type !== 'string') return { ok: false, message: `must be the name of a file, not ${showWritten(written)}` }
  if (written.value === '' || written.value.includes('\0')) return { ok: false, message: 'must be the name of a file' }
  const path = resolve(walk.folder, written.value)
  let content: string | Uint8Array
  try {
    content = walk.readFile(path)
  } catch (error) {
    return { ok: false, message: `${quote(path)} cannot be read`, hint: readingHint(error) }
  }
  if (content.length > SECRET_BYTES_MAX) return { ok: false, message: `${quote(path)} is too long for a secret` }
  const text = decode(content)?.replace(/[\r\n]+$/, '')
  if (text === undefined) return { ok: false, message: `${quote(path)} is not text in UTF-8` }
  if (text === '') return { ok: false, message: `${quote(path)} is empty` }
  return { ok: true, text }
}

/** UTF-8 text, or undefined if the bytes are none. */
export function decode(content: string | Uint8Array): string | undefined {
  if (typeof content === 'string') return content
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch {
    return undefined
  }
}

/** Why a file could not be read, in words. */
export function readingHint(error: unknown): string {
  switch (systemCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file'
    case 'EACCES':
    case 'EPERM':
      return 'the gateway has no permission to read it'
    case 'EISDIR':
      return 'it is a folder'
    default:
      return systemCode(error) ?? 'reading failed'
  }
}
