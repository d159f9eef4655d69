/** From inputs to a checked configuration: defaults < file < environment < `--set`. A pure function of its inputs. */

import { dirname, resolve } from 'node:path'
import type { AnySchema, Infer, TableSchema } from '#base/schema.ts'
import { nearest } from '#base/schema.ts'
import { applyEnvironment, applySets } from './environment.ts'
import type { Fault, KeyPath, Origin } from './fault.ts'
import { DEFAULT, inReadingOrder, showOrigin } from './fault.ts'
import type { NamedFile } from './include.ts'
import { decode, readingHint } from './secret.ts'
import { parseFile } from './syntax.ts'
import { parseKey } from './toml.ts'
import type { Node, TableNode } from './tree.ts'
import { nearestNodeAt, nodeAt, nodeFrom, tableNode } from './tree.ts'
import { validate } from './validate.ts'
import type { Walk } from './walk.ts'
import { FAILED } from './walk.ts'

const FILE_BYTES_MAX = 4 * 2 ** 20

export interface LoadInputs<S> {
  readonly schema: S
  /** The configuration file as the person named it; messages name it so. Without it, defaults and overrides alone. */
  readonly file?: string | undefined
  /** The environment; only names with `TIDEGATE_` are looked at. */
  readonly env: { readonly [name: string]: string | undefined }
  /** Variables with `TIDEGATE_` that are no keys: those of commands. */
  readonly reserved?: readonly string[]
  /** The `KEY=VALUE` of each `--set`, in order. */
  readonly sets: readonly string[]
  /** The working folder (absolute): relative paths count from it where there is no file, and in defaults always. */
  readonly folder: string
  /** Reads the configuration file and the files that it names; throws the system's error. */
  readonly readFile: (path: string) => string | Uint8Array
  /** The files that the program brings with it, by name: device profiles. */
  readonly named?: (name: string) => NamedFile | undefined
  /** Access mode of a file that it names; without it modes are not looked at. */
  readonly modeOf?: (path: string) => number | undefined
  /** Wall-clock time; without it nothing is called out of date. */
  readonly nowMs?: number | undefined
}

export interface Loaded<S> {
  /** The values; undefined if there is any fault. */
  readonly config: Infer<S> | undefined
  readonly sources: Sources
  /** In the order of the file, then the environment, then `--set`. */
  readonly faults: readonly Fault[]
  /** What is odd or out of date but does not stop the gateway. */
  readonly warnings: readonly Fault[]
}

/** Where values came from, for messages such as that a port is taken. */
export interface Sources {
  /** The origin of the value at a key (`listeners.local.bind` or its parts), of what it stands in if it is a default. */
  originOf(key: string | KeyPath): Origin
  /** The same as text: `/etc/tidegate/tidegate.toml:12:8`, `environment TIDEGATE_…`, `--set`, `default`. */
  describe(key: string | KeyPath): string
  /** Whether somebody wrote the key, as opposed to its default. */
  isSet(key: string | KeyPath): boolean
}

/** Reads, merges and checks a configuration. Never throws for what is in the inputs: everything wrong is in `faults`. */
export function loadConfig<const S extends TableSchema>(inputs: LoadInputs<S>): Loaded<S> {
  const read = readRoot(inputs)
  if (read.faults.length > 0) return { config: undefined, sources: sourcesOf(read.root), faults: read.faults, warnings: [] }
  const { root } = read
  addFallbacks(root, inputs.schema)
  const faults: Fault[] = []
  const warnings: Fault[] = []
  applyEnvironment(root, inputs.schema, inputs.env, inputs.reserved ?? [], { faults, warnings })
  applySets(root, inputs.schema, inputs.sets, { faults, warnings })
  const folder = inputs.file === undefined ? inputs.folder : dirname(resolve(inputs.folder, inputs.file))
  const references: Walk['references'] = []
  const { schema, readFile, modeOf = () => undefined, nowMs } = inputs
  const includes = { named: inputs.named ?? (() => undefined), seen: new Map() }
  const files = { folder, defaultFolder: inputs.folder, readFile, modeOf, includes }
  const walk: Walk = { root: schema, ...files, nowMs, faults, warnings, references }
  const config = validate(walk, inputs.schema, root, [])
  checkReferences(walk, root)
  const clean = config !== FAILED && faults.length === 0
  return {
    config: clean ? (config as Infer<S>) : undefined,
    sources: sourcesOf(root),
    faults: inReadingOrder(faults),
    warnings: inReadingOrder(warnings),
  }
}

type Read = { readonly root: TableNode; readonly faults: readonly Fault[] }

function readRoot(inputs: LoadInputs<AnySchema>): Read {
  const { file } = inputs
  if (file === undefined) return { root: tableNode(DEFAULT), faults: [] }
  const locate = (line: number, column: number): Origin => ({ from: 'file', file, line, column })
  const failed = (line: number, column: number, message: string, hint?: string): Read => {
    return { root: tableNode(locate(1, 1)), faults: [{ origin: locate(line, column), key: '', message, hint }] }
  }
  let content: string | Uint8Array
  try {
    content = inputs.readFile(resolve(inputs.folder, file))
  } catch (error) {
    return failed(1, 1, 'the configuration cannot be read', readingHint(error))
  }
  if (content.length > FILE_BYTES_MAX) return failed(1, 1, 'the configuration is longer than 4 MiB')
  const text = decode(content)
  if (text === undefined) return failed(...firstBadByte(content), 'this is not text in UTF-8', 'save the file as UTF-8')
  const { tree, faults } = parseFile(text.replace(/^\ufeff/, ''), locate)
  return { root: tree, faults }
}

/** Line and column of the first byte that is not UTF-8. */
function firstBadByte(content: string | Uint8Array): [line: number, column: number] {
  const before = new TextDecoder('utf-8')
    .decode(content as Uint8Array)
    .split('\ufffd')[0]
    .split('\n')
  return [before.length, before[before.length - 1].length + 1]
}

/** Gives each map of which the file has no entry its usual entries. Only maps at the top have such. */
function addFallbacks(root: TableNode, schema: TableSchema): void {
  for (const [key, each] of Object.entries(schema.keys)) {
    const chain =
      each.kind === 'table'
        ? Object.entries(each.keys).map(([inner, sub]) => [key, inner, sub] as const)
        : [[key, undefined, each] as const]
    for (const [outer, inner, sub] of chain) {
      if (sub.kind !== 'map' || Object.keys(sub.fallback).length === 0) continue
      addFallback(root, inner === undefined ? [outer] : [outer, inner], nodeFrom(sub.fallback, DEFAULT))
    }
  }
}

function addFallback(root: TableNode, path: readonly string[], fallback: Node): void {
  const found = nodeAt(root, path)
  if (found !== undefined && (found.kind !== 'table' || found.entries.size > 0)) return
  let table = root
  for (const key of path.slice(0, -1)) {
    const next = table.entries.get(key) ?? tableNode(DEFAULT)
    if (next.kind !== 'table') return
    table.entries.set(key, next)
    table = next
  }
  table.entries.set(path[path.length - 1], fallback)
}

function checkReferences(walk: Walk, root: TableNode): void {
  for (const { path, origin, target, name } of walk.references) {
    const found = root.entries.get(target)
    const names = found?.kind === 'table' ? [...found.entries.keys()] : []
    if (names.includes(name)) continue
    const near = nearest(name, names)
    const hint = near === undefined ? `add [${target}.${name}]` : `did you mean "${near}"?`
    walk.faults.push({ origin, key: path.join('.'), message: `there is no [${target}.${name}]`, hint: hint.length > 80 ? undefined : hint })
  }
}

function sourcesOf(root: TableNode): Sources {
  const pathOf = (key: string | KeyPath): KeyPath => (typeof key === 'string' ? (parseKey(key) ?? [key]) : key)
  return {
    originOf: key => nearestNodeAt(root, pathOf(key)).origin,
    describe: key => showOrigin(nodeAt(root, pathOf(key))?.origin ?? DEFAULT),
    isSet: key => (nodeAt(root, pathOf(key))?.origin ?? DEFAULT).from !== 'default',
  }
}
