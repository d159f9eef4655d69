/** Message types and codes (`RFC 7252 §3, §12.1`; `RFC 7959 §2.9`; `RFC 8132 §2`; `RFC 8516`). */

/** The two type bits of the header. */
export const TYPE = { CON: 0, NON: 1, ACK: 2, RST: 3 } as const
export type CoapType = (typeof TYPE)[keyof typeof TYPE]

/** Request methods: codes of class 0. */
export const METHOD = { GET: 1, POST: 2, PUT: 3, DELETE: 4, FETCH: 5, PATCH: 6, iPATCH: 7 } as const

/** Response codes as they stand in the header: three bits of class, five of detail. */
export const CODE = {
  Empty: 0x00,
  Created: 0x41,
  Deleted: 0x42,
  Valid: 0x43,
  Changed: 0x44,
  Content: 0x45,
  Continue: 0x5f,
  BadRequest: 0x80,
  Unauthorized: 0x81,
  BadOption: 0x82,
  Forbidden: 0x83,
  NotFound: 0x84,
  MethodNotAllowed: 0x85,
  NotAcceptable: 0x86,
  RequestEntityIncomplete: 0x88,
  Conflict: 0x89,
  PreconditionFailed: 0x8c,
  RequestEntityTooLarge: 0x8d,
  UnsupportedContentFormat: 0x8f,
  UnprocessableEntity: 0x96,
  TooManyRequests: 0x9d,
  InternalServerError: 0xa0,
  NotImplemented: 0xa1,
  BadGateway: 0xa2,
  ServiceUnavailable: 0xa3,
  GatewayTimeout: 0xa4,
  ProxyingNotSupported: 0xa5,
} as const

/** The class of a code: 0 request or empty, 2 success, 4 client error, 5 server error; the rest is reserved. */
export function codeClass(code: number): number {
  return code >> 5
}

export function isRequestCode(code: number): boolean {
  return code > 0 && code < 0x20
}

/** A code as people write it: `2.05`. */
export function formatCode(code: number): string {
  return `${code >> 5}.${String(code & 0x1f).padStart(2, '0')}`
}

const METHOD_NAMES = new Map<number, string>(Object.entries(METHOD).map(([name, code]) => [code, name]))

/** The name of a method (`GET`), or its code where it is unknown (`0.31`). */
export function methodName(code: number): string {
  return METHOD_NAMES.get(code) ?? formatCode(code)
}
