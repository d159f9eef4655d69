import { GatewayError } from '#base/errors.ts'
import { readUrl } from '#base/schema/address.ts'
import { type Reading, readFault } from '#base/schema.ts'

/** Where a server is and how it is spoken to, as read from a URL. */
export interface Endpoint {
  scheme: 'mqtt' | 'mqtts'
  /** Name or address, IPv6 without brackets. */
  host: string
  port: number
}

/** The schemes that can be connected to, with their usual ports. */
const PORTS = { mqtt: 1883, mqtts: 8883 } as const
const PLANNED = /^(wss?|unix):/i

/** An endpoint from `mqtt://host`, `mqtts://host:8883`, `mqtt://[2001:db8::1]:1883`, or what is wrong with it. */
export function readServerUrl(text: string): Reading<Endpoint> {
  const planned = PLANNED.exec(text)?.[1].toLowerCase()
  if (planned !== undefined) return readFault(`${planned}:// is not available yet`, 'mqtt:// or mqtts://')
  const url = readUrl(text, PORTS)
  if (!url.ok) return url
  const { scheme, host, port, path } = url.value
  if (path !== '/') return readFault('the URL of an MQTT server ends with its port', 'topics belong elsewhere')
  return { ok: true, value: { scheme: scheme as Endpoint['scheme'], host, port } }
}

/**
 * The same as {@link readServerUrl}, for a URL from the command line.
 * @throws GatewayError `usage`
 */
export function parseServerUrl(text: string): Endpoint {
  const reading = readServerUrl(text)
  if (reading.ok) return reading.value
  throw new GatewayError('usage', reading.message, reading.hint === undefined ? {} : { hint: reading.hint })
}

/** An endpoint for people: `broker.example:8883`, `[2001:db8::1]:1883`. */
export function formatEndpoint(endpoint: Endpoint): string {
  return endpoint.host.includes(':') ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`
}

/** An endpoint as a URL, as status and logs show it. */
export function endpointUrl(endpoint: Endpoint): string {
  return `${endpoint.scheme}://${formatEndpoint(endpoint)}`
}
