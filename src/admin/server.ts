/** The HTTP side: one handler for both transports, which differ in what they let in. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { describeError, GatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import { type Answer, answerError, internalError, problem } from './answer.ts'
import { readJson } from './body.ts'
import { isLoopbackHost } from './host-check.ts'
import type { GatewayControl } from './ports.ts'
import type { Router } from './router.ts'

/** `full`: the control socket, whose file mode says who may; `open`: TCP, without key or login. */
export type Rights = 'full' | 'open'

export interface HttpOptions {
  router: Router
  control: GatewayControl
  rights: Rights
  logger: Logger
}

const HEADER_BYTES_MAX = 8 * 1024
const HEADERS_TIMEOUT_MS = 5_000
const REQUEST_TIMEOUT_MS = 30_000
const KEEP_ALIVE_TIMEOUT_MS = 5_000
const TIMEOUT_CHECK_MS = 1_000
const CONNECTIONS_MAX = 64
const REQUESTS_PER_SOCKET_MAX = 10_000

/** Makes a server; the caller lets it listen. */
export function createHttpServer(options: HttpOptions): Server {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    },
    (request, response) => void serve(request, response, options),
  )
  server.maxConnections = CONNECTIONS_MAX
  server.maxRequestsPerSocket = REQUESTS_PER_SOCKET_MAX
  return server
}

async function serve(request: IncomingMessage, response: ServerResponse, options: HttpOptions): Promise<void> {
  // Whoever asked may be gone before the answer: that concerns nobody else.
  response.on('error', () => {})
  let answer: Answer
  try {
    answer = await answerTo(request, options)
  } catch (error) {
    const refusal = answerError(error)
    if (refusal === undefined) {
      options.logger.error('the admin interface failed to answer', {
        method: request.method,
        url: request.url,
        error: describeError(error),
      })
    }
    answer = refusal ?? internalError(error)
  }
  send(request, response, answer)
}

async function answerTo(request: IncomingMessage, options: HttpOptions): Promise<Answer> {
  const { router, control, rights } = options
  if (rights === 'open' && !isLoopbackHost(request.headers.host)) {
    return problem(421, 'wrong-host', 'the Host header does not name loopback', 'ask for localhost or 127.0.0.1')
  }
  const url = request.url ?? '/'
  const mark = url.indexOf('?')
  const match = router.match(request.method ?? '', mark < 0 ? url : url.slice(0, mark))
  const isOpen = match.kind === 'found' && match.route.open === true
  // Before anything is said about which paths there are.
  if (rights === 'open' && !isOpen) {
    return problem(
      401,
      'not-authorized',
      'this needs a login',
      'use the tidegate command or its socket tidegate.sock on the gateway itself',
    )
  }
  if (match.kind === 'none') return problem(404, 'not-found', 'there is nothing at this path')
  if (match.kind === 'wrong-method') {
    const allow = match.allowed.join(', ')
    return { ...problem(405, 'wrong-method', `this path takes ${allow}`), headers: { allow } }
  }
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1))
  return match.route.handle({ params: match.params, query, body: () => readJson(request) }, control)
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return
  const text = answer.json === undefined ? (answer.text ?? '') : `${JSON.stringify(answer.json)}\n`
  const type = answer.json === undefined ? (answer.type ?? 'text/plain; charset=utf-8') : 'application/json'
  const body = Buffer.from(text)
  response.writeHead(answer.status, {
    ...answer.headers,
    ...(answer.status === 204 ? {} : { 'content-type': type, 'content-length': body.length }),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // A body that was not read to its end would be taken for the next request.
    ...(request.complete || !hasBody(request) ? {} : { connection: 'close' }),
  })
  response.end(request.method === 'HEAD' || answer.status === 204 ? undefined : body)
}

function hasBody(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
}

/** Lets a server listen on TCP; resolves with the real port. @throws GatewayError `address-in-use`, `listen-failed` */
export function listenOnTcp(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const where = `${host}:${port}`
      if (cause.code === 'EADDRINUSE') {
        const hint = 'stop the other program or choose another address with admin.bind'
        reject(new GatewayError('address-in-use', `admin: another program listens on ${where}`, { cause, hint }))
      } else reject(new GatewayError('listen-failed', `admin: cannot listen on ${where}: ${cause.message}`, { cause }))
    })
    server.listen({ host, port }, () => {
      server.removeAllListeners('error')
      const address = server.address()
      resolve(address !== null && typeof address === 'object' ? address.port : port)
    })
  })
}
