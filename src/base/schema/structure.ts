/** Tables, named tables, lists, and tables that depend on one of their keys. */

import type {
  AnySchema,
  CheckFault,
  ChoiceSchema,
  Include,
  Infer,
  InferKeys,
  KeyOptions,
  ListSchema,
  MapSchema,
  Named,
  Outside,
  Plain,
  ScalarSchema,
  TableKeys,
  TableSchema,
} from './model.ts'
import { NAME, NAME_TEXT } from './scalar.ts'

type OptionalOf<O> = O extends { readonly optional: true } ? 'optional' : 'present'

function optionalOf<O>(options: O): OptionalOf<O> {
  return ((options as { optional?: boolean }).optional === true ? 'optional' : 'present') as OptionalOf<O>
}

type TableOptions<K extends TableKeys> = KeyOptions & {
  /** Whether the table may be absent; otherwise an absent table is one of defaults. */
  readonly optional?: boolean
  /** A check over several keys; runs when each of them is right by itself. */
  readonly check?: (value: InferKeys<K>, outside: Outside) => readonly CheckFault[]
  /** What it does not say may stand in another file. */
  readonly include?: Include
}

/** A table with known keys; any other key is a fault. */
export function table<const K extends TableKeys, const O extends TableOptions<K>>(
  keys: K,
  options: O,
): TableSchema<InferKeys<K>, OptionalOf<O>> {
  const { description, deprecated, example, check, include } = options
  return {
    kind: 'table',
    presence: optionalOf(options),
    keys,
    description,
    deprecated,
    example,
    ...(check && { check }),
    ...(include && { include }),
  }
}

type Override<S> = S extends ScalarSchema<infer T> ? ScalarSchema<T, 'optional'> : S

/** The same scalar keys without defaults: a table that overrides another where it says something. */
export function overrides<const K extends { readonly [key: string]: ScalarSchema }>(keys: K): { readonly [N in keyof K]: Override<K[N]> } {
  const bare = Object.entries(keys).map(([key, schema]) => [key, { ...schema, presence: 'optional', default: undefined }])
  return Object.fromEntries(bare) as { readonly [N in keyof K]: Override<K[N]> }
}

type ListOptions = KeyOptions & {
  readonly optional?: boolean
  readonly default?: readonly Plain[]
  readonly min?: number
  readonly max?: number
}

/** A list: `["a", "b"]`, or `[[bridges.cloud.out]]` where the items are tables. Empty unless told. */
export function list<const S extends AnySchema, const O extends ListOptions>(item: S, options: O): ListSchema<Infer<S>, OptionalOf<O>> {
  const { description, deprecated, example, min = 0, max = 10_000 } = options
  return { kind: 'list', presence: optionalOf(options), item, default: options.default ?? [], min, max, description, deprecated, example }
}

type MapOptions<T> = KeyOptions & {
  /** What a name looks like, and the same in words; names of the configuration unless told. */
  readonly names?: RegExp
  readonly namesText?: string
  /** The entries that there are when the file has none. */
  readonly fallback?: { readonly [name: string]: Plain }
  readonly max?: number
  readonly check?: (value: Named<T>) => readonly CheckFault[]
}

/** Entries by name, in order of appearance: `[listeners.NAME]`. */
export function map<const S extends AnySchema>(item: S, options: MapOptions<Infer<S>>): MapSchema<Infer<S>> {
  const { description, deprecated, example, names = NAME, namesText = NAME_TEXT, fallback = {}, max = 1000, check } = options
  return {
    kind: 'map',
    presence: 'present',
    item,
    names,
    namesText,
    fallback,
    max,
    description,
    deprecated,
    example,
    ...(check && { check }),
  }
}

type Variants = { readonly [value: string]: TableSchema }
type Variant<D extends string, K, T> = { readonly [N in D]: K } & T extends infer O ? { readonly [N in keyof O]: O[N] } : never
type ChoiceOf<D extends string, V extends Variants> = { [K in keyof V]: Variant<D, K, Infer<V[K]>> }[keyof V]

type ChoiceOptions<V> = KeyOptions & {
  readonly optional?: boolean
  readonly default?: keyof V & string
  /** Values that people may expect and this version does not have. */
  readonly planned?: readonly string[]
}

/** A table whose further keys depend on the word at `discriminator`: `choice('kind', { mqtt: …, 'aws-iot': … }, …)`. */
export function choice<const D extends string, const V extends Variants, const O extends ChoiceOptions<V>>(
  discriminator: D,
  variants: V,
  options: O,
): ChoiceSchema<ChoiceOf<D, V>, OptionalOf<O>> {
  const { description, deprecated, example, planned = [] } = options
  const presence = optionalOf(options)
  return { kind: 'choice', presence, discriminator, variants, default: options.default, planned, description, deprecated, example }
}
