/** Tables that take what they do not say themselves from a section of another file: `profile = "sdm120"`. */
import { resolve } from 'node:path'
import { type Include, NAME, quote, type TableSchema } from '#base/schema.ts'
import type { KeyPath, Origin } from './fault.ts'
import { decode, readingHint } from './secret.ts'
import { parseFile } from './syntax.ts'
import type { Node, TableNode } from './tree.ts'
import { tableNode } from './tree.ts'
import { FAILED, fail, textOf, type Walk } from './walk.ts'

const FILE_BYTES_MAX = 2 ** 20

/** A file that was found by its name. */
export interface NamedFile {
  /** As messages name it. */
  readonly path: string
  readonly text: string
}

/** The files that a configuration includes, each read and checked once. */
export interface Includes {
  /** Files that the program brings with it, by name. */
  readonly named: (name: string) => NamedFile | undefined
  readonly seen: Map<string, TableNode | typeof FAILED>
}

/** Checks a whole file against its schema; `FAILED` if its faults were noted. */
export type CheckFile = (walk: Walk, schema: TableSchema, tree: TableNode) => unknown

/** The table with what its file says beneath it; `FAILED` if there is no such file or it has faults, which are noted. */
export function withIncluded(
  walk: Walk,
  schema: TableSchema,
  table: TableNode,
  path: KeyPath,
  check: CheckFile,
): TableNode | typeof FAILED {
  const { include } = schema
  const key = include === undefined ? undefined : table.entries.get(include.key)
  const written = key === undefined ? undefined : textOf(key)
  // What is no text gets its fault where the key is checked.
  if (include === undefined || key === undefined || written?.type !== 'string' || written.value === '') return table
  const file = readOnce(walk, include, written.value, key.origin, [...path, include.key], check)
  if (file === FAILED) return FAILED
  const section = file.entries.get(include.section)
  if (section?.kind !== 'table') return table
  const merged = beneath(table, section)
  if (!include.partial) return merged
  return {
    ...merged,
    entries: new Map([...merged.entries].filter(([name]) => table.entries.has(name) || Object.hasOwn(schema.keys, name))),
  }
}

function readOnce(walk: Walk, include: Include, name: string, origin: Origin, path: KeyPath, check: CheckFile): TableNode | typeof FAILED {
  const found = find(walk, name, origin, path)
  if (found === FAILED) return FAILED
  const known = walk.includes.seen.get(found.path)
  if (known !== undefined) return known
  const tree = parse(walk, found, include, check)
  walk.includes.seen.set(found.path, tree)
  return tree
}

function find(walk: Walk, name: string, origin: Origin, path: KeyPath): NamedFile | typeof FAILED {
  if (NAME.test(name)) {
    const found = walk.includes.named(name)
    if (found !== undefined) return found
    return fail(walk, origin, path, `there is no profile ${quote(name)}`, 'a path to a file of your own has a "/" or ends with ".toml"')
  }
  const file = resolve(walk.folder, name)
  try {
    const content = walk.readFile(file)
    const text = content.length > FILE_BYTES_MAX ? undefined : decode(content)
    return text === undefined ? fail(walk, origin, path, `${quote(file)} is not text in UTF-8 of at most 1 MiB`) : { path: file, text }
  } catch (error) {
    return fail(walk, origin, path, `${quote(file)} cannot be read`, readingHint(error))
  }
}

function parse(walk: Walk, { path, text }: NamedFile, include: Include, check: CheckFile): TableNode | typeof FAILED {
  const { tree, faults } = parseFile(text.replace(/^\ufeff/, ''), (line, column) => ({ from: 'file', file: path, line, column }))
  if (faults.length > 0) {
    walk.faults.push(...faults)
    return FAILED
  }
  const schema = include.schema()
  return check({ ...walk, root: schema }, schema, tree) === FAILED ? FAILED : tree
}

/** What `above` says, and where it says nothing, what `below` does. Tables merge key by key. */
function beneath(above: TableNode, below: TableNode): TableNode {
  const entries = new Map<string, Node>(below.entries)
  for (const [key, node] of above.entries) {
    const under = entries.get(key)
    entries.set(key, node.kind === 'table' && under?.kind === 'table' ? beneath(node, under) : node)
  }
  return { ...tableNode(above.origin, above.keyOrigin), entries }
}
