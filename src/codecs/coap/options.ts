/** The options that CoAP defines, and what their numbers say about them (`RFC 7252 §5.4, §5.10, §12.2`). */

export const OPTION = {
  IfMatch: 1,
  UriHost: 3,
  ETag: 4,
  IfNoneMatch: 5,
  Observe: 6,
  UriPort: 7,
  LocationPath: 8,
  UriPath: 11,
  ContentFormat: 12,
  MaxAge: 14,
  UriQuery: 15,
  HopLimit: 16,
  Accept: 17,
  LocationQuery: 20,
  Block2: 23,
  Block1: 27,
  Size2: 28,
  ProxyUri: 35,
  ProxyScheme: 39,
  Size1: 60,
  Echo: 252,
  NoResponse: 258,
  RequestTag: 292,
} as const

export type OptionFormat = 'empty' | 'opaque' | 'uint' | 'string'

export interface OptionDefinition {
  readonly number: number
  readonly name: string
  readonly format: OptionFormat
  readonly lengthMin: number
  readonly lengthMax: number
  /** May occur more than once in a message. */
  readonly repeatable: boolean
}

const TABLE: readonly (readonly [number, string, OptionFormat, number, number, boolean])[] = [
  [OPTION.IfMatch, 'If-Match', 'opaque', 0, 8, true],
  [OPTION.UriHost, 'Uri-Host', 'string', 1, 255, false],
  [OPTION.ETag, 'ETag', 'opaque', 1, 8, true],
  [OPTION.IfNoneMatch, 'If-None-Match', 'empty', 0, 0, false],
  [OPTION.Observe, 'Observe', 'uint', 0, 3, false], // RFC 7641 §2
  [OPTION.UriPort, 'Uri-Port', 'uint', 0, 2, false],
  [OPTION.LocationPath, 'Location-Path', 'string', 0, 255, true],
  [OPTION.UriPath, 'Uri-Path', 'string', 0, 255, true],
  [OPTION.ContentFormat, 'Content-Format', 'uint', 0, 2, false],
  [OPTION.MaxAge, 'Max-Age', 'uint', 0, 4, false],
  [OPTION.UriQuery, 'Uri-Query', 'string', 0, 255, true],
  [OPTION.HopLimit, 'Hop-Limit', 'uint', 1, 1, false], // RFC 8768
  [OPTION.Accept, 'Accept', 'uint', 0, 2, false],
  [OPTION.LocationQuery, 'Location-Query', 'string', 0, 255, true],
  [OPTION.Block2, 'Block2', 'uint', 0, 3, false], // RFC 7959 §2.1
  [OPTION.Block1, 'Block1', 'uint', 0, 3, false],
  [OPTION.Size2, 'Size2', 'uint', 0, 4, false],
  [OPTION.ProxyUri, 'Proxy-Uri', 'string', 1, 1034, false],
  [OPTION.ProxyScheme, 'Proxy-Scheme', 'string', 1, 255, false],
  [OPTION.Size1, 'Size1', 'uint', 0, 4, false],
  [OPTION.Echo, 'Echo', 'opaque', 1, 40, false], // RFC 9175 §2.2.1
  [OPTION.NoResponse, 'No-Response', 'uint', 0, 1, false], // RFC 7967 §2
  [OPTION.RequestTag, 'Request-Tag', 'opaque', 0, 8, true], // RFC 9175 §3.2.1
]

/** Every defined option by its number. */
export const OPTION_DEFINITIONS: ReadonlyMap<number, OptionDefinition> = new Map(
  TABLE.map(([number, name, format, lengthMin, lengthMax, repeatable]) => [
    number,
    { number, name, format, lengthMin, lengthMax, repeatable },
  ]),
)

// The low numbers, which nearly every option has, are looked up in an array.
const LOW_DEFINITIONS: readonly (OptionDefinition | undefined)[] = Array.from({ length: 64 }, (_, number) => OPTION_DEFINITIONS.get(number))

/** The definition of an option, or undefined where it is unknown. */
export function optionDefinition(number: number): OptionDefinition | undefined {
  return number < 64 ? LOW_DEFINITIONS[number] : OPTION_DEFINITIONS.get(number)
}

/** A recipient that does not know it must reject the message (`RFC 7252 §5.4.1`). */
export function isCritical(number: number): boolean {
  return (number & 1) === 1
}

/** A proxy that does not know it must not forward it (`RFC 7252 §5.4.2`). */
export function isUnsafe(number: number): boolean {
  return (number & 2) === 2
}

/** It is not part of the cache key (`RFC 7252 §5.4.2`); only meaningful where it is safe to forward. */
export function isNoCacheKey(number: number): boolean {
  return (number & 0x1e) === 0x1c
}

/** The option's name, or its number where it is unknown. */
export function optionName(number: number): string {
  return optionDefinition(number)?.name ?? String(number)
}
