/**
 * Configuration schemas: a feature says with these functions which keys it has, and exports the result;
 * `config/` does the rest. `Infer<typeof schema>` is the type of the loaded values.
 */

export type { Network, SocketAddress, UnixAddress, UrlParts } from './schema/address.ts'
export {
  bind,
  bindOrPath,
  isLoopback,
  isUnixAddress,
  network,
  showAddress,
  url,
} from './schema/address.ts'
export type {
  AnySchema,
  CheckFault,
  ChoiceSchema,
  Include,
  Infer,
  InferKeys,
  JsonSchema,
  ListSchema,
  MapSchema,
  Named,
  Outside,
  Place,
  Plain,
  Reading,
  ScalarSchema,
  SecretSchema,
  TableKeys,
  TableSchema,
  Written,
} from './schema/model.ts'
export { readFault, readOk, writtenFrom } from './schema/model.ts'
export { nearest, sameWord, suggest } from './schema/nearest.ts'
export { path, secret } from './schema/path.ts'
export { duration, showDuration, showSize, size } from './schema/quantity.ts'
export { alternatives, quote, showWritten } from './schema/quote.ts'
export { boolean, enumeration, integer, NAME, number, readText, reference, scalar, string } from './schema/scalar.ts'
export { choice, list, map, overrides, table } from './schema/structure.ts'
