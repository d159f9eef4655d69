/**
 * The shapes of a configuration schema. A schema is a plain value: `config/` walks it to validate a file, to
 * write the reference page and to make the JSON Schema. Features build theirs with the functions of
 * `scalar.ts`, `quantity.ts`, `address.ts`, `path.ts` and `structure.ts`.
 */

declare const TYPE: unique symbol

/** Whether a key is always there in the loaded configuration (it has a default or is required). */
export type Presence = 'present' | 'optional'

/** A scalar as it was written. Integers beyond ±2^53 have lost precision and fail every range. */
export type Written =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'integer'; readonly value: number }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'date'; readonly value: string }

/** Where relative paths count from: an absolute folder. */
export interface Place {
  readonly folder: string
}

/** What became of a written scalar: a value, or what is wrong and what to write instead. */
export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string; readonly hint?: string | undefined }

/** A fault that a cross-field check found. `key` is relative to the checked table: `bind`, `out.0.to`, or '' for the table. */
export interface CheckFault {
  readonly key: string
  readonly message: string
  readonly hint?: string
  /** A warning is reported, and the configuration still counts as valid. */
  readonly severity?: 'fault' | 'warning'
}

/** What a check may look at beyond the values: the files that they name, and the time. */
export interface Outside {
  /** Reads a file; throws the system's error. */
  readonly readFile: (path: string) => string | Uint8Array
  /** Access mode of a file, undefined where that cannot be told. */
  readonly modeOf: (path: string) => number | undefined
  /** Wall-clock time, undefined where it is not believed. */
  readonly nowMs: number | undefined
}

/** A JSON Schema (draft 2020-12) fragment. */
export type JsonSchema = { readonly [key: string]: unknown }

/** A value as a default or example is given in code: what TOML would say. */
export type Plain = string | number | boolean | readonly Plain[] | { readonly [key: string]: Plain }

interface Documented<T, P extends Presence> {
  readonly [TYPE]?: T
  readonly presence: P
  /** One or two sentences for the reference page. */
  readonly description: string
  /** What to use instead; a configuration with this key still loads, with a warning. */
  readonly deprecated?: string | undefined
  /** What the reference page shows as an example. */
  readonly example?: Plain | undefined
}

export interface ScalarSchema<T = unknown, P extends Presence = Presence> extends Documented<T, P> {
  readonly kind: 'scalar'
  /** The word for the kind of value on the reference page: `size`, `duration`, `address`. */
  readonly typeName: string
  /** Whether text is what it wants: then a value from the environment or `--set` counts as text even if it reads as TOML. */
  readonly textual: boolean
  readonly default?: string | number | boolean | undefined
  readonly unit?: string | undefined
  /** The range or the choices, as text for the reference page. */
  readonly range?: string | undefined
  /** For a name that stands elsewhere in the configuration: the map that has it, `zones`. */
  readonly refersTo?: string | undefined
  readonly json: JsonSchema
  read(written: Written, place: Place): Reading<T>
}

/** Text that should not stand in the file: `NAME` gives it, or `NAME_file` names a file that holds it. */
export interface SecretSchema<P extends Presence = Presence> extends Documented<string, P> {
  readonly kind: 'secret'
}

export interface ListSchema<T = unknown, P extends Presence = Presence> extends Documented<readonly T[], P> {
  readonly kind: 'list'
  readonly item: AnySchema
  readonly default: readonly Plain[]
  readonly min: number
  readonly max: number
}

/** A table that can take what it does not say itself from a section of another file, which one of its keys names. */
export interface Include {
  /** The key that names the file: a name that the program knows, or a path. */
  readonly key: string
  /** The section of the file that is taken. */
  readonly section: string
  /** Whether of the section only those keys are taken that the table has. */
  readonly partial: boolean
  /** The schema of the whole file. */
  schema(): TableSchema
}

export interface TableSchema<T = unknown, P extends Presence = Presence> extends Documented<T, P> {
  readonly kind: 'table'
  readonly keys: TableKeys
  readonly include?: Include
  check?(value: T, outside: Outside): readonly CheckFault[]
}

/** Tables (or values) by name, in order of appearance: `[listeners.NAME]`. */
export interface MapSchema<T = unknown> extends Documented<Named<T>, 'present'> {
  readonly kind: 'map'
  readonly item: AnySchema
  /** What a name must match, and the same in words. */
  readonly names: RegExp
  readonly namesText: string
  /** What there is when the file has none. */
  readonly fallback: { readonly [name: string]: Plain }
  readonly max: number
  check?(value: Named<T>): readonly CheckFault[]
}

/** A table whose further keys depend on one of them: `protocol = "mqtt"`. */
export interface ChoiceSchema<T = unknown, P extends Presence = Presence> extends Documented<T, P> {
  readonly kind: 'choice'
  readonly discriminator: string
  readonly variants: { readonly [value: string]: TableSchema }
  readonly default?: string | undefined
  /** Values that are known and not available in this version. */
  readonly planned: readonly string[]
}

export type AnySchema = ScalarSchema | SecretSchema | ListSchema | TableSchema | MapSchema | ChoiceSchema

export type TableKeys = { readonly [key: string]: AnySchema }

/** Entries by name. Has no prototype: a name such as `constructor` is found only if it was configured. */
export type Named<T> = { readonly [name: string]: T }

/** The type of the values that a schema lets through: `Infer<typeof limits>`. */
export type Infer<S> = S extends { readonly [TYPE]?: infer T } ? T : never

type OptionalNames<K extends TableKeys> = { [N in keyof K]: K[N]['presence'] extends 'optional' ? N : never }[keyof K]

/** The type of a table's value from its keys. Keys without default that are not required may be absent. */
export type InferKeys<K extends TableKeys> = {
  readonly [N in keyof K as N extends OptionalNames<K> ? never : N]: Infer<K[N]>
} & { readonly [N in OptionalNames<K>]?: Infer<K[N]> } extends infer O
  ? { readonly [N in keyof O]: O[N] }
  : never

/** The options that every key has. */
export interface KeyOptions {
  readonly description: string
  readonly deprecated?: string
  readonly example?: Plain
}

/** The presence that follows from a key's options. */
export type PresenceOf<O> = O extends { readonly default: unknown } | { readonly required: true } ? 'present' : 'optional'

/** `presence` for the options of a scalar. The type is the caller's promise; the value is the same rule at run time. */
export function presenceOf<O>(options: O): PresenceOf<O> {
  const given = options as { default?: unknown; required?: boolean }
  return (given.default !== undefined || given.required === true ? 'present' : 'optional') as PresenceOf<O>
}

/** A reading that succeeded. */
export function readOk<T>(value: T): Reading<T> {
  return { ok: true, value }
}

/** A reading that failed: what is wrong, and what to write instead. */
export function readFault(message: string, hint?: string): Reading<never> {
  return { ok: false, message, hint }
}

/** A value given in code as a written scalar. */
export function writtenFrom(value: string | number | boolean): Written {
  if (typeof value === 'string') return { type: 'string', value }
  if (typeof value === 'boolean') return { type: 'boolean', value }
  return { type: Number.isInteger(value) ? 'integer' : 'float', value }
}
