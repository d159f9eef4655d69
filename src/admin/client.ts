/** The other end of the control socket, for commands that need the running gateway. */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { describeError, GatewayError, systemCode } from '#base/errors.ts'
import { socketAddress } from './unix-socket.ts'

/** An answer of the API. */
export interface ControlAnswer {
  status: number
  /** The body as JSON, or as text where it is none; undefined when empty. */
  body: unknown
}

export interface ControlClient {
  /**
   * Asks the gateway. An answer of any status is an answer.
   * @throws GatewayError `not-running` when nobody is there, `not-authorized` when the file's mode forbids it,
   * `timeout`, `connection-lost`
   */
  request(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<ControlAnswer>
}

const TIMEOUT_MS = 30_000
const ANSWER_BYTES_MAX = 256 * 1024 * 1024

/** A client of the gateway behind the control socket at `socketPath`; connects with each request. */
export function openControl(socketPath: string): ControlClient {
  return { request: (method, path, body) => exchange(socketPath, method, path, body) }
}

async function exchange(socketPath: string, method: string, path: string, body: unknown): Promise<ControlAnswer> {
  let release = () => {}
  try {
    const address = socketAddress(socketPath)
    release = address.release
    return await send(address.path, method, path, body)
  } catch (cause) {
    throw explain(cause, socketPath)
  } finally {
    release()
  }
}

function send(socketPath: string, method: string, path: string, body: unknown): Promise<ControlAnswer> {
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const headers = payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': payload.length }
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path, headers, agent: false, timeout: TIMEOUT_MS }, response => {
      collect(response).then(resolve, reject)
    })
    request.on('timeout', () => request.destroy(new GatewayError('timeout', 'the gateway does not answer', { retryable: true })))
    request.on('error', reject)
    request.end(payload)
  })
}

async function collect(response: IncomingMessage): Promise<ControlAnswer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new GatewayError('connection-lost', 'the answer is too long')
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString()
  const isJson = response.headers['content-type']?.startsWith('application/json')
  return { status: response.statusCode ?? 0, body: text === '' ? undefined : isJson ? JSON.parse(text) : text }
}

function explain(cause: unknown, socketPath: string): GatewayError {
  if (cause instanceof GatewayError) return cause
  const code = systemCode(cause)
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR' || code === 'ENOTSOCK') {
    const hint = 'is it running? start it with `tidegate run`'
    return new GatewayError('not-running', `no gateway answers at ${socketPath}`, { cause, hint, retryable: true })
  }
  if (code === 'EACCES' || code === 'EPERM') {
    const hint = 'run this as the user of the gateway or as a member of its group'
    return new GatewayError('not-authorized', `you may not use the control socket ${socketPath}`, { cause, hint })
  }
  return new GatewayError('connection-lost', `the gateway at ${socketPath} did not answer: ${describeError(cause)}`, { cause })
}
