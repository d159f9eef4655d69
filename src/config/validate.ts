/** Checks a tree against a schema and makes the typed values. */

import type { AnySchema, ChoiceSchema, ListSchema, MapSchema, ScalarSchema, TableSchema } from '#base/schema.ts'
import { alternatives, nearest, quote, showWritten, suggest } from '#base/schema.ts'
import { applyCheck } from './check.ts'
import type { KeyPath } from './fault.ts'
import { DEFAULT, rankOf, showKey } from './fault.ts'
import { withIncluded } from './include.ts'
import { readSecret } from './secret.ts'
import type { Node, TableNode } from './tree.ts'
import { nodeFrom, tableNode } from './tree.ts'
import { reportUnknown } from './unknown.ts'
import type { Walk } from './walk.ts'
import { FAILED, fail, textOf, warnDeprecated } from './walk.ts'

/** The value of `node`, or `FAILED` with the faults noted. */
export function validate(walk: Walk, schema: AnySchema, node: Node, path: KeyPath): unknown {
  switch (schema.kind) {
    case 'scalar':
      return validateScalar(walk, schema, node, path)
    case 'list':
      return validateList(walk, schema, node, path)
    case 'table':
      return validateTable(walk, schema, node, path)
    case 'map':
      return validateMap(walk, schema, node, path)
    case 'choice':
      return validateChoice(walk, schema, node, path)
    case 'secret':
      throw new TypeError('a secret can only be a key of a table')
  }
}

function validateScalar(walk: Walk, schema: ScalarSchema, node: Node, path: KeyPath): unknown {
  const written = schema.textual ? textOf(node) : node.kind === 'scalar' ? node.written : undefined
  if (written === undefined) return fail(walk, node.origin, path, `must be one value, not a ${node.kind}`)
  const folder = node.origin.from === 'default' ? walk.defaultFolder : walk.folder
  const reading = schema.read(written, { folder })
  if (!reading.ok) return fail(walk, node.origin, path, reading.message, reading.hint)
  if (schema.refersTo !== undefined && written.type === 'string') {
    walk.references.push({ path, origin: node.origin, target: schema.refersTo, name: written.value })
  }
  return reading.value
}

function validateList(walk: Walk, schema: ListSchema, node: Node, path: KeyPath): unknown {
  if (node.kind !== 'list') {
    const holdsTables = schema.item.kind === 'table' || schema.item.kind === 'choice'
    const shown = node.kind === 'scalar' && node.written.type !== 'date' ? `[${showWritten(node.written)}]` : '["…"]'
    return fail(
      walk,
      node.origin,
      path,
      `must be a list, not ${describeKind(node)}`,
      holdsTables ? `write [[${showKey(path)}]]` : `in brackets: ${shown}`,
    )
  }
  const { min, max } = schema
  if (node.items.length > max) return fail(walk, node.origin, path, `has ${node.items.length} entries, at most ${max} are possible`)
  if (node.items.length < min) return fail(walk, node.origin, path, `must have at least ${min} ${min === 1 ? 'entry' : 'entries'}`)
  const values = node.items.map((item, place) => validate(walk, schema.item, item, [...path, place]))
  return values.includes(FAILED) ? FAILED : values
}

function validateMap(walk: Walk, schema: MapSchema, node: Node, path: KeyPath): unknown {
  if (node.kind !== 'table') return failNotTable(walk, node, path, `write [${showKey(path)}.NAME]`)
  const value: Record<string, unknown> = Object.create(null)
  let failed = false
  if (node.entries.size > schema.max) {
    return fail(walk, node.origin, path, `has ${node.entries.size} entries, at most ${schema.max} are possible`)
  }
  for (const [name, entry] of node.entries) {
    const entryPath = [...path, name]
    if (!schema.names.test(name)) {
      failed = true
      const better = name
        .toLowerCase()
        .replace(/[^a-z0-9-]+/g, '-')
        .replace(/^[^a-z]+|-+$/g, '')
      const example = schema.names.test(better) ? `, say "${better}"` : ''
      fail(walk, entry.keyOrigin, entryPath, `${quote(name)} is not a valid name`, `${schema.namesText}${example}`)
    }
    if (isTabular(schema.item) && entry.kind !== 'table') {
      failNotTable(walk, entry, entryPath, `every entry has a table of its own: [${showKey(path)}.NAME]`)
      failed = true
      continue
    }
    value[name] = validate(walk, schema.item, entry, entryPath)
    failed ||= value[name] === FAILED
  }
  if (failed) return FAILED
  return applyCheck(walk, schema.check?.(value), node, path) ? value : FAILED
}

function validateChoice(walk: Walk, schema: ChoiceSchema, node: Node, path: KeyPath): unknown {
  if (node.kind !== 'table') return failNotTable(walk, node, path)
  const { discriminator, variants } = schema
  const chosen = node.entries.get(discriminator)
  const wordPath = [...path, discriminator]
  const words = Object.keys(variants)
  if (chosen === undefined && schema.default === undefined) {
    const similar = [...node.entries].find(([key]) => nearest(key, [discriminator]) !== undefined)
    if (similar === undefined) return fail(walk, node.origin, wordPath, 'is missing', alternatives(words))
    return fail(walk, similar[1].keyOrigin, [...path, similar[0]], 'unknown key', `did you mean "${discriminator}"?`)
  }
  const written = chosen === undefined ? ({ type: 'string', value: schema.default ?? '' } as const) : textOf(chosen)
  if (written?.type !== 'string') return fail(walk, chosen?.origin ?? node.origin, wordPath, `must be ${alternatives(words)}`)
  const word = written.value
  if (!Object.hasOwn(variants, word)) {
    const origin = chosen?.origin ?? node.origin
    if (schema.planned.includes(word)) {
      return fail(walk, origin, wordPath, `${quote(word)} is not available in this version`, `available: ${words.join(', ')}`)
    }
    const hint = suggest(word, words)
    return fail(walk, origin, wordPath, `must be ${alternatives(words)}, not ${quote(word)}`, hint?.startsWith('did') ? hint : undefined)
  }
  const value = validateTable(walk, variants[word], node, path, discriminator)
  return value === FAILED ? FAILED : { [discriminator]: word, ...(value as object) }
}

function validateTable(walk: Walk, schema: TableSchema, written: Node, path: KeyPath, discriminator?: string): unknown {
  if (written.kind !== 'table') return failNotTable(walk, written, path)
  const node = withIncluded(walk, schema, written, path, (inner, whole, tree) => validate(inner, whole, tree, []))
  if (node === FAILED) return FAILED
  const value: Record<string, unknown> = {}
  let failed = false
  const meant = new Set<string | undefined>()
  for (const [key, entry] of node.entries) {
    if (key !== discriminator && !isKnown(schema, key)) meant.add(reportUnknown(walk, schema, discriminator, key, entry, path))
  }
  for (const [key, keySchema] of Object.entries(schema.keys)) {
    // A misspelt key is one mistake, not two: it is not also missing.
    const misspelt = meant.has(key) && !node.entries.has(key) && isRequired(keySchema)
    const found = misspelt ? FAILED : validateKey(walk, keySchema, key, node, path)
    if (found === FAILED) failed = true
    else if (found !== undefined) value[key] = found
  }
  if (failed) return FAILED
  return applyCheck(walk, schema.check?.(value, walk), node, path) ? value : FAILED
}

function isKnown(schema: TableSchema, key: string): boolean {
  if (Object.hasOwn(schema.keys, key)) return true
  const secret = key.endsWith('_file') ? key.slice(0, -'_file'.length) : ''
  return Object.hasOwn(schema.keys, secret) && schema.keys[secret].kind === 'secret'
}

function validateKey(walk: Walk, schema: AnySchema, key: string, table: TableNode, path: KeyPath): unknown {
  if (schema.kind === 'secret') return readSecret(walk, key, schema, table, path)
  const keyPath = [...path, key]
  const node = table.entries.get(key) ?? absentNode(schema, table)
  if (schema.deprecated !== undefined && table.entries.has(key)) warnDeprecated(walk, schema.deprecated, table, key, path)
  if (node !== undefined) return validate(walk, schema, node, keyPath)
  if (schema.presence === 'optional') return undefined
  return fail(walk, table.origin, keyPath, 'is missing', schema.kind === 'scalar' ? wanted(schema) : undefined)
}

/** What stands for a key that nobody wrote: its default. A table of defaults keeps the place of the table around it. */
function absentNode(schema: AnySchema, table: TableNode): Node | undefined {
  if (schema.kind === 'scalar') return schema.default === undefined ? undefined : nodeFrom(schema.default, DEFAULT)
  if (schema.presence === 'optional') return undefined
  if (schema.kind === 'list') return { ...nodeFrom(schema.default, DEFAULT), origin: table.origin }
  return tableNode(table.origin)
}

function wanted(schema: ScalarSchema): string | undefined {
  if (schema.example !== undefined) return `such as ${JSON.stringify(schema.example)}`
  if (schema.range !== undefined) return schema.range.replaceAll('`', '')
  return schema.typeName === 'text' ? undefined : `a ${schema.typeName}`
}

function isRequired(schema: AnySchema): boolean {
  return schema.presence === 'present' && (schema.kind === 'secret' || (schema.kind === 'scalar' && schema.default === undefined))
}

function isTabular(schema: AnySchema): boolean {
  return schema.kind === 'table' || schema.kind === 'choice' || schema.kind === 'map'
}

function failNotTable(walk: Walk, node: Node, path: KeyPath, hint?: string): typeof FAILED {
  // A key that is no table was most likely meant for a table; its own place says more than its value's.
  return fail(walk, rankOf(node.origin) === 1 ? node.keyOrigin : node.origin, path, `must be a table, not ${describeKind(node)}`, hint)
}

function describeKind(node: Node): string {
  if (node.kind === 'scalar') return showWritten(node.written)
  return `a ${node.kind}`
}
