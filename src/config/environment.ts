/** Values from environment variables and from `--set`. */

import type { AnySchema } from '#base/schema.ts'
import { nearest } from '#base/schema.ts'
import type { Fault, Origin } from './fault.ts'
import { showKey } from './fault.ts'
import { overlay, schemaUnder } from './overlay.ts'
import { parseKey, parseValue } from './toml.ts'
import type { Node, TableNode } from './tree.ts'
import { nodeAt } from './tree.ts'

const PREFIX = 'TIDEGATE_'

/** What the sources beside the file bring: faults, and what is only odd. */
export interface Findings {
  readonly faults: Fault[]
  readonly warnings: Fault[]
}

/**
 * Puts the variables that begin with `TIDEGATE_` over the tree: the key in capitals, a dot as two underscores, `-` and `_`
 * both as one, places in lists by number. A variable without two underscores names a whole table, as TOML; where there
 * is no such table it belongs to somebody else (an orchestrator, a command) and is only warned of.
 */
export function applyEnvironment(
  root: TableNode,
  schema: AnySchema,
  env: { readonly [name: string]: string | undefined },
  reserved: readonly string[],
  findings: Findings,
): void {
  const variables = Object.keys(env).filter(name => name.startsWith(PREFIX) && name !== PREFIX && !reserved.includes(name))
  const settings = variables.map(name => ({ name, parts: name.slice(PREFIX.length).split('__') }))
  for (const { name, parts } of settings.sort((left, right) => compareParts(left.parts, right.parts))) {
    const text = env[name]
    if (text === undefined) continue
    const origin: Origin = { from: 'environment', variable: name }
    const path = keysOf(parts, root, schema)
    if (parts.length === 1 && schemaUnder(schema, path[0]) === undefined) {
      const known = schema.kind === 'table' ? Object.keys(schema.keys) : []
      const near = nearest(path[0], known)
      const hint = near === undefined ? undefined : `did you mean ${PREFIX}${inCapitals(near)}__…?`
      findings.warnings.push({ origin, key: '', message: 'names no key and is ignored', hint })
      continue
    }
    if (name !== name.toUpperCase()) {
      findings.faults.push({ origin, key: '', message: 'the name of a variable is in capitals', hint: name.toUpperCase() })
      continue
    }
    put(root, schema, path, text, origin, findings)
  }
}

/** Puts `KEY=VALUE` texts over the tree, in their order. */
export function applySets(root: TableNode, schema: AnySchema, sets: readonly string[], findings: Findings): void {
  const origin: Origin = { from: 'argument' }
  for (const text of sets) {
    const [key, value] = splitSet(text)
    const path = key === undefined ? undefined : parseKey(key)
    if (path === undefined || value === undefined) {
      const message = value === undefined ? 'there is no "=" after the key' : 'there is no key before "="'
      findings.faults.push({
        origin,
        key: value === undefined ? (key ?? '') : '',
        message,
        hint: 'KEY=VALUE, such as limits.max_packet=64KiB',
      })
      continue
    }
    put(root, schema, path, value, origin, findings)
  }
}

function put(root: TableNode, schema: AnySchema, path: readonly string[], text: string, origin: Origin, findings: Findings): void {
  const value: Node = parseValue(text, origin) ?? textNode(text, origin)
  const wrong = overlay(root, schema, path, value)
  if (wrong !== undefined) findings.faults.push({ origin, key: showKey(path), message: wrong })
}

function textNode(text: string, origin: Origin): Node {
  return { kind: 'scalar', written: { type: 'string', value: text }, origin, keyOrigin: origin, raw: text }
}

/** Splits at the first `=` outside quotes. */
function splitSet(text: string): [key: string | undefined, value: string | undefined] {
  const match = /^((?:[^="']|"(?:[^"\\]|\\.)*"|'[^']*')*)=(.*)$/s.exec(text)
  return match === null ? [/^[\w.-]{1,80}$/.test(text) ? text : undefined, undefined] : [match[1].trim(), match[2]]
}

/** The keys that the parts of a variable's name stand for; what matches none stays, in small letters, to be reported. */
function keysOf(parts: readonly string[], root: TableNode, schema: AnySchema): string[] {
  const keys: string[] = []
  let under: AnySchema | undefined = schema
  for (const part of parts) {
    const node = nodeAt(root, keys)
    const key = keyFor(part, under, node)
    keys.push(key)
    under = schemaUnder(under, key, node)
  }
  return keys
}

function keyFor(part: string, schema: AnySchema | undefined, node: Node | undefined): string {
  const there = node?.kind === 'table' ? [...node.entries.keys()] : []
  const match = [...knownKeys(schema), ...there].find(key => inCapitals(key) === part)
  if (match !== undefined) return match
  const small = part.toLowerCase()
  // New names of maps take "-": listeners, bridges and zones have no "_".
  return schema?.kind === 'map' && schema.names.test(small.replaceAll('_', '-')) ? small.replaceAll('_', '-') : small
}

function knownKeys(schema: AnySchema | undefined): string[] {
  if (schema?.kind === 'table') {
    return Object.entries(schema.keys).flatMap(([key, { kind }]) => (kind === 'secret' ? [key, `${key}_file`] : [key]))
  }
  if (schema?.kind !== 'choice') return []
  return [schema.discriminator, ...Object.values(schema.variants).flatMap(knownKeys)]
}

function inCapitals(key: string): string {
  return key.toUpperCase().replaceAll('-', '_')
}

/** Tables before what is in them, places of a list in their order. */
function compareParts(left: readonly string[], right: readonly string[]): number {
  for (const [depth, part] of left.entries()) {
    const other = right[depth]
    if (other === undefined) return 1
    if (part === other) continue
    if (/^\d+$/.test(part) && /^\d+$/.test(other)) return Number(part) - Number(other)
    return part < other ? -1 : 1
  }
  return left.length - right.length
}
