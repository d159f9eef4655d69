import { GatewayError } from '#base/errors.ts'
import { readUrl } from '#base/schema/address.ts'
import { type Reading, readFault } from '#base/schema.ts'

/** Where a server is and how it is spoken to, as read from a URL. */
export interface Endpoint {
  scheme: keyof typeof PORTS
  /** Name or address, IPv6 without brackets. */
  host: string
  port: number
  /** For WebSocket: the path, with its query. */
  path?: string
}

/** The schemes that can be connected to, with their usual ports. */
const PORTS = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 } as const
/** Where MQTT over WebSocket is by custom, for a URL that ends with its port. */
const WEBSOCKET_PATH = '/mqtt'
const PLANNED = /^(unix):/i

/** Whether an endpoint is spoken to by TLS. */
export function isSecure({ scheme }: Endpoint): boolean {
  return scheme === 'mqtts' || scheme === 'wss'
}

export function isWebSocket({ scheme }: Endpoint): boolean {
  return scheme === 'ws' || scheme === 'wss'
}

/** An endpoint from `mqtt://host`, `mqtts://[2001:db8::1]:8883`, `wss://host/mqtt`, or what is wrong with it. */
export function readServerUrl(text: string): Reading<Endpoint> {
  const planned = PLANNED.exec(text)?.[1].toLowerCase()
  if (planned !== undefined) return readFault(`${planned}:// is not available yet`, 'mqtt://, mqtts://, ws:// or wss://')
  const url = readUrl(text, PORTS)
  if (!url.ok) return url
  const { host, port, path } = url.value
  const endpoint: Endpoint = { scheme: url.value.scheme as Endpoint['scheme'], host, port }
  if (isWebSocket(endpoint)) return { ok: true, value: { ...endpoint, path: path === '/' && !text.endsWith('/') ? WEBSOCKET_PATH : path } }
  if (path !== '/') return readFault('the URL of an MQTT server ends with its port', 'topics belong elsewhere')
  return { ok: true, value: endpoint }
}

/**
 * The same as {@link readServerUrl}, for a URL from the command line.
 * @throws GatewayError `usage`
 */
export function parseServerUrl(text: string): Endpoint {
  return required(readServerUrl(text))
}

/** An HTTP proxy that connects to servers. */
export interface HttpProxy {
  host: string
  port: number
  username?: string | undefined
  password?: string | undefined
}

/** A proxy from `http://host:8080`. */
export function readProxyUrl(text: string): Reading<HttpProxy> {
  const url = readUrl(text, { http: 80 })
  if (!url.ok) return url
  const { host, port, path } = url.value
  return path === '/' ? { ok: true, value: { host, port } } : readFault('the URL of a proxy ends with its port')
}

/** The same for the command line. @throws GatewayError `usage` */
export function parseProxyUrl(text: string): HttpProxy {
  return required(readProxyUrl(text))
}

function required<T>(reading: Reading<T>): T {
  if (reading.ok) return reading.value
  throw new GatewayError('usage', reading.message, reading.hint === undefined ? {} : { hint: reading.hint })
}

/** An address for people: `broker.example:8883`, `[2001:db8::1]:1883`. */
export function formatEndpoint({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** An endpoint as a URL, as status and logs show it. */
export function endpointUrl(endpoint: Endpoint): string {
  // A query may hold a secret.
  return `${endpoint.scheme}://${formatEndpoint(endpoint)}${endpoint.path?.replace(/\?.*$/s, '') ?? ''}`
}
