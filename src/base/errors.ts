/**
 * The one error type of the gateway. An error is thrown or returned once and logged once, at the edge that
 * handles it; callers branch on `code`, never on the text.
 */

/** Every error code, with what it means to whoever meets it. */
export const ERROR_CODES = {
  'config-invalid': 'The configuration has a fault; the message names file, line, column and key.',
  'config-unreadable': 'A configuration file or a secret file that it names cannot be read.',
  usage: 'The command line is wrong.',
  'decode-malformed': 'Bytes from a peer break the specification; `offset` is where.',
  'decode-unsupported': 'Bytes from a peer are well formed but ask for something that is not offered.',
  'encode-range': 'A value does not fit the wire format that it is to be encoded in.',
  'topic-invalid': 'A topic name or filter breaks the rules of MQTT §4.7 or a limit.',
  'not-authorized': 'The client may not do this.',
  'bad-credentials': 'User name, password, certificate or key is wrong.',
  'identifier-rejected': 'The client identifier is not allowed.',
  'quota-exceeded': 'A limit of the client, its listener or the gateway is reached.',
  'server-busy': 'The gateway is starting, stopping or overloaded; try again later.',
  'store-full': 'The disk or the byte budget of the store is spent; what needs the disk is refused until space returns.',
  'store-failed': 'The disk does not take writes; what needs the disk is refused until it does.',
  'store-corrupt': 'A database file was damaged and has been set aside.',
  'store-version': 'The database was written by a version that this one cannot read.',
  'store-locked': 'Another gateway uses the same data directory.',
  'address-in-use': 'Another program listens on this address.',
  'listen-failed': 'A listener cannot be opened.',
  'connect-failed': 'A connection to a peer could not be made.',
  'connection-lost': 'A connection ended before the exchange was complete.',
  timeout: 'A peer did not answer in time.',
  refused: 'A peer answered with a refusal; `reason` is its code.',
  'port-unavailable': 'A serial port cannot be opened.',
  'runtime-unfit': 'The JavaScript runtime or the machine lacks something the gateway needs.',
  'not-running': 'No running gateway answers at the control socket.',
  'not-found': 'The thing named does not exist.',
  conflict: 'What is to be made exists already.',
  'bad-request': 'A request to the admin interface is wrong.',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

export interface ErrorDetails {
  /** The error that led to this one. */
  cause?: unknown
  /** The reason or response code that goes over the wire (`MQTT 5 §2.4`, `RFC 7252 §5.9`). */
  reason?: number
  /** What the operator does now, one sentence. */
  hint?: string
  /** Whether the same attempt may succeed later without anybody changing anything. */
  retryable?: boolean
  /** For decode errors: the byte offset in the packet, datagram or frame. */
  offset?: number
}

export class GatewayError extends Error {
  readonly code: ErrorCode
  readonly reason: number | undefined
  readonly hint: string | undefined
  readonly retryable: boolean
  readonly offset: number | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = 'GatewayError'
    this.code = code
    this.reason = details.reason
    this.hint = details.hint
    this.retryable = details.retryable ?? false
    this.offset = details.offset
  }
}

/** Whether `error` is a {@link GatewayError}, and of that code when one is given. */
export function isGatewayError(error: unknown, code?: ErrorCode): error is GatewayError {
  return error instanceof GatewayError && (code === undefined || error.code === code)
}

/** The code that Node's system errors carry (`ENOENT`, `EADDRINUSE`, `SQLITE_FULL`), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (error === null || typeof error !== 'object' || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** One line of text for anything that was thrown. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const hint = isGatewayError(error) && error.hint ? ` (${error.hint})` : ''
  return `${error.message}${hint}`
}
