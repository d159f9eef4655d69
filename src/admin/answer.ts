/** What a resource answers, and how errors become answers. */
import { describeError, type ErrorCode, GatewayError } from '#base/errors.ts'

export interface Answer {
  status: number
  /** Sent as JSON. */
  json?: unknown
  /** Sent as it is, with `type`. */
  text?: string
  type?: string
  headers?: Readonly<Record<string, string>>
}

/** The body of every refusal. */
export interface Problem {
  code: string
  message: string
  hint?: string
}

export function ok(json: unknown): Answer {
  return { status: 200, json }
}

export function problem(status: number, code: string, message: string, hint?: string): Answer {
  const body: Problem = hint === undefined ? { code, message } : { code, message, hint }
  return { status, json: body }
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  'bad-request': 400,
  'topic-invalid': 400,
  'bad-credentials': 401,
  'not-authorized': 403,
  'not-found': 404,
  conflict: 409,
  'quota-exceeded': 429,
  'server-busy': 503,
  'store-full': 507,
  'store-failed': 507,
}

/** A refusal for whatever a resource threw (a `bad-request` may name its status as `reason`); undefined for what is our own fault. */
export function answerError(error: unknown): Answer | undefined {
  if (!(error instanceof GatewayError)) return undefined
  const status = (error.code === 'bad-request' ? error.reason : undefined) ?? STATUS[error.code]
  return status === undefined ? undefined : problem(status, error.code, error.message, error.hint)
}

/** For what is our own fault: nothing of its inside leaves but one sentence. */
export function internalError(error: unknown): Answer {
  return problem(500, 'internal', `the gateway could not answer: ${describeError(error)}`)
}
