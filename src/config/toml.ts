/** TOML text to a tree with positions. */

import type { AST } from 'toml-eslint-parser'
import { parseTOML } from 'toml-eslint-parser'
import type { Written } from '#base/schema.ts'
import type { Origin } from './fault.ts'
import type { Node, TableNode } from './tree.ts'
import { listNode, tableNode } from './tree.ts'

/** How a position in the text becomes an origin: a place in a file, or always the same variable or argument. */
export type Locate = (line: number, column: number) => Origin

/**
 * Parses TOML 1.1 (a superset of 1.0: inline tables may span lines). Throws the parser's `ParseError` with
 * `lineNumber` and `column`, or a `RangeError` where the nesting is too deep for it.
 */
export function parseTree(text: string, locate: Locate): TableNode {
  const document = parseTOML(text, { tomlVersion: '1.1' })
  const root = tableNode(locate(1, 1))
  for (const statement of document.body[0].body) {
    if (statement.type === 'TOMLKeyValue') putKeyValue(root, statement, locate)
    else putTable(root, statement, locate)
  }
  return root
}

/**
 * The value that `text` is in TOML, or undefined if it is none. `raw` on the node is the text itself.
 */
export function parseValue(text: string, origin: Origin): Node | undefined {
  try {
    const document = parseTOML(`value = ${text}`, { tomlVersion: '1.1' })
    const [statement, ...rest] = document.body[0].body
    if (rest.length > 0 || statement?.type !== 'TOMLKeyValue') return undefined
    return { ...nodeOf(statement.value, origin, () => origin), raw: text }
  } catch {
    return undefined
  }
}

/** The parts of a dotted key as TOML reads it, or undefined if it is none. */
export function parseKey(text: string): string[] | undefined {
  try {
    const document = parseTOML(`${text} = 0`, { tomlVersion: '1.1' })
    const [statement, ...rest] = document.body[0].body
    if (rest.length > 0 || statement?.type !== 'TOMLKeyValue') return undefined
    return statement.key.keys.map(nameOf)
  } catch {
    return undefined
  }
}

/** The name that one part of a key gives. */
export function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value
}

function startOf(node: AST.TOMLNode, locate: Locate): Origin {
  return locate(node.loc.start.line, node.loc.start.column + 1)
}

function putKeyValue(target: TableNode, statement: AST.TOMLKeyValue, locate: Locate): void {
  const keys = statement.key.keys
  let container = target
  for (const key of keys.slice(0, -1)) {
    const found = container.entries.get(nameOf(key))
    // The parser has refused a dotted key through anything but a table.
    const next = found?.kind === 'table' ? found : tableNode(startOf(key, locate))
    container.entries.set(nameOf(key), next)
    container = next
  }
  const last = keys[keys.length - 1]
  container.entries.set(nameOf(last), nodeOf(statement.value, startOf(last, locate), locate))
}

/** Makes the table that `[a.b]` or `[[a.b]]` opens, and fills it. */
function putTable(root: TableNode, statement: AST.TOMLTable, locate: Locate): void {
  const names = statement.key.keys
  const header = startOf(statement, locate)
  let node: Node = root
  let name = -1
  const path = statement.resolvedKey
  for (const [depth, part] of path.entries()) {
    const last = depth === path.length - 1
    if (typeof part === 'string') name++
    const keyOrigin = startOf(names[name], locate)
    const found: Node | undefined =
      node.kind === 'table' ? node.entries.get(String(part)) : node.kind === 'list' ? node.items[Number(part)] : undefined
    let next: Node = found ?? (typeof path[depth + 1] === 'number' ? listNode(keyOrigin) : tableNode(last ? header : keyOrigin, keyOrigin))
    // A table that was first only mentioned, as b in [a.b.c], now has its own header.
    if (found !== undefined && last) next = { ...found, origin: header, keyOrigin }
    if (node.kind === 'table') node.entries.set(String(part), next)
    else if (node.kind === 'list') node.items[Number(part)] = next
    node = next
  }
  if (node.kind !== 'table') return
  for (const each of statement.body) putKeyValue(node, each, locate)
}

function nodeOf(content: AST.TOMLContentNode, keyOrigin: Origin, locate: Locate): Node {
  const origin = startOf(content, locate)
  if (content.type === 'TOMLArray') {
    return { ...listNode(origin, keyOrigin), items: content.elements.map(element => nodeOf(element, startOf(element, locate), locate)) }
  }
  if (content.type === 'TOMLInlineTable') {
    const table = tableNode(origin, keyOrigin)
    for (const statement of content.body) putKeyValue(table, statement, locate)
    return table
  }
  return { kind: 'scalar', origin, keyOrigin, written: writtenOf(content) }
}

function writtenOf(content: AST.TOMLValue): Written {
  switch (content.kind) {
    case 'string':
      return { type: 'string', value: content.value }
    case 'integer':
      return { type: 'integer', value: Number(content.bigint) }
    case 'float':
      return { type: 'float', value: content.value }
    case 'boolean':
      return { type: 'boolean', value: content.value }
    default:
      return { type: 'date', value: content.datetime }
  }
}
