/** A way to a server through an HTTP proxy (`RFC 9110 §9.3.6`). */
import type { Socket } from 'node:net'
import { GatewayError } from '#base/errors.ts'
import { type Endpoint, formatEndpoint, type HttpProxy } from '../endpoint.ts'

const HEAD_BYTES_MAX = 8192

/** Asks the proxy at the other end of `socket` for the way; then calls `ready`, or `failed` with the reason. */
export function askForTunnel(
  socket: Socket,
  proxy: HttpProxy,
  endpoint: Endpoint,
  ready: () => void,
  failed: (error: GatewayError) => void,
): void {
  let head = Buffer.alloc(0)
  const read = () => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) return
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0 && head.length < HEAD_BYTES_MAX) return
    socket.off('readable', read)
    const fault = end < 0 ? 'does not speak HTTP' : faultOf(head.toString('latin1', 0, end))
    if (fault !== undefined) return failed(refused(proxy, fault, head))
    // Nobody but a server that speaks first would have sent anything yet.
    if (end + 4 < head.length) socket.unshift(head.subarray(end + 4))
    ready()
  }
  socket.on('readable', read)
  socket.write(request(proxy, endpoint))
}

function request({ username, password }: HttpProxy, endpoint: Endpoint): string {
  const to = formatEndpoint(endpoint)
  const basic = username === undefined ? undefined : Buffer.from(`${username}:${password ?? ''}`).toString('base64')
  const lines = [`CONNECT ${to} HTTP/1.1`, `Host: ${to}`]
  if (basic !== undefined) lines.push(`Proxy-Authorization: Basic ${basic}`)
  return [...lines, '', ''].join('\r\n')
}

function faultOf(head: string): string | undefined {
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]
  if (status === undefined) return 'does not speak HTTP'
  if (status.startsWith('2')) return undefined
  if (status === '407') return 'wants a user name and password, or refuses the one it got'
  return `refuses the way to the server with status ${status}`
}

function refused(proxy: HttpProxy, fault: string, head: Buffer): GatewayError {
  const asksForName = head.includes(' 407 ')
  return new GatewayError(asksForName ? 'bad-credentials' : 'refused', `the proxy ${formatEndpoint(proxy)} ${fault}`, {
    retryable: !asksForName,
    hint: asksForName ? 'set proxy_username and proxy_password_file' : 'does the proxy allow CONNECT to this host and port?',
  })
}
