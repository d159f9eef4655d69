import type { SpoolOptions } from '#bridges/engine/spool.ts'
import type { Qos } from '#broker/ports.ts'
import type { EngineOptions, Target, TlsFiles } from '#clients/mqtt/index.ts'
import type { MqttBridgeConfig } from './config.ts'

const REQUEST_TIMEOUT_MS = 30_000
/** What an MQTT 5 upstream may lower; what mosquitto takes of an MQTT 3.1.1 client unless it is told otherwise. */
const WINDOW = { 4: 20, 5: 100 } as const
const NEVER_EXPIRES = 0xffff_ffff

/** Where to connect to, as the client wants it. */
export function targetOf(config: MqttBridgeConfig): Target {
  const { url, tls, alpn, proxy, proxy_username: username, proxy_password: password, connect_timeout: openTimeoutMs } = config
  return {
    endpoint: url,
    tls: tls && tlsOf(tls),
    alpn,
    proxy: proxy && { ...proxy, username, password },
    openTimeoutMs,
  }
}

function tlsOf(tls: NonNullable<MqttBridgeConfig['tls']>): TlsFiles {
  const { psk_identity: identity, psk, key_password: keyPassword, ...files } = tls
  return {
    ...files,
    keyPassword,
    ...(identity !== undefined && psk !== undefined && { psk: { identity, key: Buffer.from(psk.trim(), 'hex') } }),
  }
}

/** How to speak there. `keepSession`: the session at the upstream outlives connections; else it begins anew and ends with this one. */
export function engineOptionsOf(config: MqttBridgeConfig, clientId: string, keepSession: boolean): EngineOptions {
  const { username, password, session_expiry: expiryMs } = config
  const version = versionOf(config)
  return {
    version,
    clientId,
    cleanStart: !keepSession,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: Buffer.from(password) }),
    keepAliveSeconds: Math.ceil(config.keep_alive / 1000),
    sessionExpirySeconds: keepSession ? Math.min(Math.ceil(expiryMs / 1000), NEVER_EXPIRES) : 0,
    receiveMaximum: windowOf(config),
    packetBytesMax: Math.min(config.max_packet, 268_435_460),
    connectTimeoutMs: config.connect_timeout,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  }
}

export function versionOf(config: MqttBridgeConfig): 4 | 5 {
  return config.version === '5' ? 5 : 4
}

/** Messages in flight at most, each way. */
export function windowOf(config: MqttBridgeConfig): number {
  return config.receive_maximum ?? WINDOW[versionOf(config)]
}

/** What the spool keeps. */
export function spoolOptionsOf(name: string, config: MqttBridgeConfig): SpoolOptions {
  const { max_bytes: bytesMax, max_age: ageMaxMs, when_full: whenFull, qos0, order } = config.spool
  return {
    name,
    protocol: `bridge mqtt ${config.version}`,
    limits: { bytesMax, ageMaxMs, whenFull, qos0, order },
    inFlightMax: windowOf(config),
    routes: config.out.map(({ from, to, qos, envelope }) => ({ from, to, qos: qos as Qos, envelope })),
  }
}

/** Whether a connection of one configuration serves another one as well: only routes and pace may differ. */
export function sameConnection(one: MqttBridgeConfig, other: MqttBridgeConfig): boolean {
  const fixed = ({ out: _out, in: _in, pace: _pace, ...rest }: MqttBridgeConfig) => JSON.stringify(rest, sortedKeys)
  return fixed(one) === fixed(other)
}

/** JSON with keys in order, so that equal values have equal texts. */
function sortedKeys(_key: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
