/** Presence events as JSON, with the fields that EMQX gives them. Times are ms since 1970. */
import type { ClientInfo } from '#broker/ports.ts'

const PROTOCOL_LEVELS: Readonly<Record<string, number>> = { '3.1': 3, '3.1.1': 4, '5': 5 }

export function connectedEvent(client: ClientInfo, cleanStart: boolean, nowMs: number): object {
  const { protocol, peer, keepAliveSeconds, sessionExpiryMs, connectedAtMs } = client
  const [name = '', version = ''] = protocol.split(' ')
  return {
    ...who(client),
    ipaddress: addressOf(peer),
    sockport: portOf(peer),
    proto_name: name === 'mqtt' ? (version === '3.1' ? 'MQIsdp' : 'MQTT') : name.toUpperCase(),
    proto_ver: PROTOCOL_LEVELS[version] ?? version,
    protocol: name,
    listener: client.listener,
    keepalive: keepAliveSeconds,
    clean_start: cleanStart,
    expiry_interval: Number.isFinite(sessionExpiryMs) ? Math.floor(sessionExpiryMs / 1000) : 0xffffffff,
    connack: 0,
    connected_at: Math.floor(connectedAtMs),
    ts: Math.floor(nowMs),
  }
}

export function disconnectedEvent(client: ClientInfo, reason: string, nowMs: number): object {
  const { protocol, peer, connectedAtMs } = client
  return {
    ...who(client),
    ipaddress: addressOf(peer),
    protocol: protocol.split(' ')[0],
    listener: client.listener,
    reason,
    connected_at: Math.floor(connectedAtMs),
    disconnected_at: Math.floor(nowMs),
    ts: Math.floor(nowMs),
  }
}

/** Subscribed with a QoS, unsubscribed without. */
export function subscribedEvent(client: ClientInfo, filter: string, qos: number | undefined, nowMs: number): object {
  return { ...who(client), topic: filter, ...(qos === undefined ? {} : { subopts: { qos } }), ts: Math.floor(nowMs) }
}

function who({ clientId, username }: ClientInfo): object {
  return { clientid: clientId, username: username ?? null }
}

/** `192.0.2.1:1883` and `[2001:db8::1]:1883`; null for a client without an address. */
function addressOf(peer: string | undefined): string | null {
  const found = /^\[?(.+?)\]?:\d+$/.exec(peer ?? '')
  return found?.[1] ?? null
}

function portOf(peer: string | undefined): number | null {
  const found = /:(\d+)$/.exec(peer ?? '')
  return found?.[1] === undefined ? null : Number(found[1])
}
