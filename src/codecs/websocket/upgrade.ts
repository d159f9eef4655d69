/** The HTTP exchange with which a WebSocket begins (`RFC 6455 §4`), for MQTT (`MQTT 5 §6`). */
import { createHash } from 'node:crypto'

/** The most that the head of a request or an answer may have. */
export const HEAD_BYTES_MAX = 8192
const LINES_MAX = 100
/** `RFC 6455 §1.3`. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** `mqttv3.1` is what clients of MQTT 3.1 ask for. */
const SUBPROTOCOLS: readonly string[] = ['mqtt', 'mqttv3.1']

/** Length of the head with the empty line at its end; undefined while that has not come. */
export function headLength(bytes: Buffer): number | undefined {
  const at = bytes.indexOf('\r\n\r\n')
  return at < 0 ? undefined : at + 4
}

export interface UpgradeRules {
  /** The path that is served. */
  readonly path: string
  /** Whether a page of this origin may connect. Clients that are no browsers name none. */
  mayOrigin(origin: string): boolean
}

/** `answer` goes out in any case. Without `subprotocol` the upgrade is refused, for the reason in `refusal`. */
export type UpgradeOutcome =
  | { readonly answer: string; readonly subprotocol: string }
  | { readonly answer: string; readonly refusal: string; readonly subprotocol?: undefined }

/** Judges the head of a request. */
export function answerUpgrade(head: string, rules: UpgradeRules): UpgradeOutcome {
  const request = readHead(head)
  const line = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP\/(\d)\.(\d)$/.exec(request?.first ?? '')
  if (request === undefined || line === null) return refuse(400, 'this is not a proper HTTP request')
  const [, method, target, major, minor] = line
  if (major !== '1' || minor === '0') return refuse(505, 'HTTP/1.1 is spoken here')
  if (method !== 'GET') return refuse(405, 'a WebSocket begins with GET', ['Allow: GET'])
  const path = pathOf(target)
  if (path !== rules.path) return refuse(404, `there is nothing at this path; MQTT over WebSocket is at ${rules.path}`)
  return answerGet(request, rules)
}

function answerGet(request: Head, rules: UpgradeRules): UpgradeOutcome {
  const upgrade = ['Upgrade: websocket', 'Sec-WebSocket-Version: 13']
  if (!tokens(request, 'upgrade').includes('websocket')) return refuse(426, 'this is MQTT over WebSocket', upgrade)
  if (request.get('sec-websocket-version') !== '13') return refuse(426, 'version 13 of WebSocket is spoken here', upgrade)
  if (!tokens(request, 'connection').includes('upgrade')) return refuse(400, 'the header Connection: Upgrade is missing')
  if (request.get('host') === undefined) return refuse(400, 'the header Host is missing')
  const { length = '0', coding } = { length: request.get('content-length'), coding: request.get('transfer-encoding') }
  if (length !== '0' || coding !== undefined) return refuse(400, 'a request for a WebSocket has no content')
  const key = request.get('sec-websocket-key') ?? ''
  if (!/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key)) return refuse(400, 'the header Sec-WebSocket-Key must be 16 bytes in Base64')
  const origin = request.get('origin')
  if (origin !== undefined && !rules.mayOrigin(origin)) {
    return refuse(403, 'pages of this origin may not connect; websocket.origins in the configuration names those that may')
  }
  const subprotocol = (request.get('sec-websocket-protocol') ?? '')
    .split(',')
    .map(each => each.trim())
    .find(each => SUBPROTOCOLS.includes(each))
  // [MQTT-6.0.0-3]
  if (subprotocol === undefined) return refuse(400, 'the header Sec-WebSocket-Protocol must offer mqtt')
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${acceptFor(key)}`]
  return { answer: [...lines, `Sec-WebSocket-Protocol: ${subprotocol}`, '', ''].join('\r\n'), subprotocol }
}

const STATUS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  426: 'Upgrade Required',
  431: 'Request Header Fields Too Large',
  505: 'HTTP Version Not Supported',
}

/** An answer that refuses, in words for whoever looks at it. */
export function refuse(status: number, text: string, headers: readonly string[] = []): UpgradeOutcome {
  const body = `${text}\n`
  const lines = [
    `HTTP/1.1 ${status} ${STATUS[status]}`,
    ...headers,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ]
  return { answer: lines.join('\r\n'), refusal: `${status} ${text}` }
}

export interface UpgradeRequest {
  /** Host and port as the URL has them, path with its query. */
  readonly host: string
  readonly path: string
  /** 16 random bytes. */
  readonly nonce: Uint8Array
}

/** The request of a client. */
export function upgradeRequest({ host, path, nonce }: UpgradeRequest): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${Buffer.from(nonce).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: mqtt',
    '',
    '',
  ].join('\r\n')
}

/** What is wrong with a server's answer to such a request, to be said after its name; undefined when the WebSocket stands. */
export function upgradeFault(head: string, nonce: Uint8Array): string | undefined {
  const answer = readHead(head)
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(answer?.first ?? '')?.[1]
  if (answer === undefined || status === undefined) return 'does not speak HTTP on this port'
  if (status !== '101') return `answers the WebSocket handshake with status ${status}`
  if (!tokens(answer, 'upgrade').includes('websocket')) return 'answers the WebSocket handshake without Upgrade: websocket'
  if (answer.get('sec-websocket-accept') !== acceptFor(Buffer.from(nonce).toString('base64'))) {
    return 'answers the WebSocket handshake of somebody else'
  }
  const subprotocol = answer.get('sec-websocket-protocol')
  if (subprotocol !== undefined && subprotocol !== 'mqtt') return `speaks ${JSON.stringify(subprotocol)} over WebSocket, not mqtt`
  if (answer.get('sec-websocket-extensions') !== undefined) return 'uses a WebSocket extension that nobody asked for'
  return undefined
}

function acceptFor(key: string): string {
  return createHash('sha1').update(`${key}${ACCEPT_GUID}`).digest('base64')
}

interface Head {
  readonly first: string
  /** A header by its name in lower case; several of one name are one list. */
  get(name: string): string | undefined
}

function readHead(text: string): Head | undefined {
  const [first, ...lines] = text.replace(/\r\n\r\n$/, '').split('\r\n')
  if (lines.length > LINES_MAX) return undefined
  const headers = new Map<string, string>()
  for (const line of lines) {
    const parts = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*$/.exec(line)
    if (parts === null) return undefined
    const name = parts[1].toLowerCase()
    const before = headers.get(name)
    headers.set(name, before === undefined ? parts[2] : `${before}, ${parts[2]}`)
  }
  return { first, get: name => headers.get(name) }
}

function tokens(head: Head, name: string): string[] {
  return (head.get(name) ?? '').split(',').map(each => each.trim().toLowerCase())
}

/** The path of a request target, without its query; undefined where it is no path. */
function pathOf(target: string): string | undefined {
  const origin = /^https?:\/\/[^/?]*(.*)$/i.exec(target)
  const local = origin === null ? target : origin[1] || '/'
  return local.startsWith('/') ? local.replace(/\?.*$/s, '') : undefined
}
