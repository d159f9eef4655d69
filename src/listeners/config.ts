/** `[listeners.NAME]`: where clients come in. */

import type { CheckFault, InferKeys, Named, SocketAddress, TableKeys, UnixAddress } from '#base/schema.ts'
import {
  bind,
  bindOrPath,
  choice,
  enumeration,
  integer,
  isUnixAddress,
  list,
  map,
  network,
  reference,
  showAddress,
  size,
  string,
  table,
} from '#base/schema.ts'
import { tls } from './tls-config.ts'

/** The keys that every listener has, whatever its protocol and transport. */
const common = {
  zone: reference('zones', { description: 'The zone whose limits hold here. If absent: `[limits]`.' }),
  mountpoint: string({
    maxLength: 1024,
    test: text =>
      /[+#]/.test(text) ? { message: 'a mountpoint holds no wildcard', hint: 'a topic prefix, such as "site-a/"' } : undefined,
    description: 'Put before every topic of the clients of this listener, and taken off again on the way to them.',
    example: 'site-a/',
  }),
  max_connections: integer({
    min: 1,
    max: 1_000_000,
    unit: 'connections',
    description: 'The most clients at a time. If absent: as the zone or `[limits]` says.',
  }),
  anonymous: enumeration(['never', 'loopback', 'always'], {
    description: 'Whether clients without a user name get in here. If absent: as `[access]` says.',
  }),
}

const proxyProtocol = table(
  {
    trusted: list(network({ description: 'A network.' }), {
      min: 1,
      description: 'The proxies that are believed; a connection from anywhere else is closed.',
      example: ['192.0.2.0/24'],
    }),
  },
  { optional: true, description: 'Connections begin with a PROXY protocol header (version 1 or 2) that names the true peer.' },
)

const websocket = table(
  {
    path: string({
      default: '/mqtt',
      pattern: /^\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*$/,
      patternText: 'a path such as "/mqtt"',
      description: 'The path of the URL; any other is not found.',
    }),
    origins: list(
      string({
        pattern: /^(\*|[a-z][a-z0-9+.-]*:\/\/[a-z0-9.:[\]_-]+)$/,
        patternText: 'scheme and host in small letters, such as "https://panel.example", or "*"',
        description: 'An origin.',
      }),
      {
        optional: true,
        example: ['https://panel.example'],
        description:
          'The web pages that may connect, `"*"` for any. If absent: any, but on a loopback listener only pages of this machine. Clients that are no browsers may always.',
      },
    ),
    max_frame: size({ default: '16MiB', min: '1KiB', max: '1GiB', description: 'The longest frame of a client.' }),
  },
  { optional: true, description: 'How a listener with transport `"ws"` or `"wss"` serves.' },
)

/** The keys of a listener for a stream of bytes, whatever its protocol. */
const streamKeys = { tls, websocket, proxy_protocol: proxyProtocol }

/** The keys of a listener for MQTT. */
const mqttKeys = {
  transport: enumeration(['tcp', 'tls', 'ws', 'wss', 'unix'], {
    default: 'tcp',
    description: 'How the bytes come: as they are, in TLS, in WebSocket, in WebSocket in TLS, or over a Unix socket.',
  }),
  bind: bindOrPath({
    required: true,
    description: 'The address to listen on, or for `"unix"` the path of the socket.',
    example: '127.0.0.1:1883',
  }),
  ...common,
  ...streamKeys,
}

const mqtt = table(mqttKeys, { description: 'MQTT 3.1, 3.1.1 and 5.0.', check: checkTransport })

const coapKeys = {
  transport: enumeration(['udp'], { default: 'udp', planned: ['dtls'], description: 'How the datagrams come.' }),
  bind: bind({ required: true, description: 'The address to listen on.', example: '127.0.0.1:5683' }),
  ...common,
}

const mqttSnKeys = {
  transport: enumeration(['udp'], { default: 'udp', planned: ['dtls'], description: 'How the datagrams come.' }),
  bind: bind({ required: true, description: 'The address to listen on.', example: '127.0.0.1:1884' }),
  ...common,
}

/** What the adapters add to the keys of their listeners, by protocol. */
interface AddedKeys<C extends TableKeys, S extends TableKeys> {
  readonly coap: C
  readonly 'mqtt-sn': S
}

/** `[listeners.NAME]`. Where the file has none, those of the embedded defaults: loopback only. */
export function listenersSchema<const C extends TableKeys, const S extends TableKeys>(added: AddedKeys<C, S>) {
  const keys: typeof coapKeys & C = { ...coapKeys, ...added.coap }
  const coap = table(keys, { description: 'CoAP (RFC 7252).' })
  const snKeys: typeof mqttSnKeys & S = { ...mqttSnKeys, ...added['mqtt-sn'] }
  const sn = table(snKeys, { description: 'MQTT-SN 1.2.' })
  const listener = choice('protocol', { mqtt, coap, 'mqtt-sn': sn }, { planned: ['stomp'], description: 'A place where clients come in.' })
  return map(listener, {
    max: 100,
    fallback: {
      local: { protocol: 'mqtt', transport: 'tcp', bind: '127.0.0.1:1883' },
      coap: { protocol: 'coap', transport: 'udp', bind: '127.0.0.1:5683' },
      'mqtt-sn': { protocol: 'mqtt-sn', transport: 'udp', bind: '127.0.0.1:1884' },
    },
    description:
      'Where clients come in. Without any in the file: `local` (MQTT), `coap` and `mqtt-sn`, all on loopback. With one, those of the file are all there are.',
    example: { local: { protocol: 'mqtt', transport: 'tcp', bind: '127.0.0.1:1883' } },
    check: value => checkAddresses(value as Named<BoundListener>),
  })
}

interface BoundListener {
  readonly transport: string
  readonly bind: SocketAddress | UnixAddress
}

function checkTransport(value: InferKeys<typeof mqttKeys>): readonly CheckFault[] {
  const { transport } = value
  if ((transport === 'tls' || transport === 'wss') && value.tls === undefined) {
    return [{ key: '', message: `transport "${transport}" needs tls`, hint: 'tls = { cert = "server.pem", key = "server.key" }' }]
  }
  if (transport !== 'tls' && transport !== 'wss' && value.tls !== undefined) {
    return [{ key: 'tls', message: `has no effect with transport "${transport}"`, hint: 'transport = "tls" or "wss"' }]
  }
  if (transport !== 'ws' && transport !== 'wss' && value.websocket !== undefined) {
    return [{ key: 'websocket', message: `has no effect with transport "${transport}"`, hint: 'transport = "ws" or "wss"' }]
  }
  const unix = isUnixAddress(value.bind)
  if (unix && value.transport !== 'unix') {
    return [
      { key: 'bind', message: `transport "${value.transport}" needs an address and a port, not a path`, hint: 'or transport = "unix"' },
    ]
  }
  if (!unix && value.transport === 'unix') {
    return [
      { key: 'bind', message: 'transport "unix" needs the path of a socket', hint: 'a path has a "/", such as "/run/tidegate/mqtt.sock"' },
    ]
  }
  if (unix && value.proxy_protocol !== undefined) return [{ key: 'proxy_protocol', message: 'is not possible on a Unix socket' }]
  return []
}

/** No two listeners can have one address; TCP and UDP ports are apart. */
function checkAddresses(all: Named<BoundListener>): readonly CheckFault[] {
  const faults: CheckFault[] = []
  const taken = new Map<string, string>()
  for (const [name, listener] of Object.entries(all)) {
    if (!isUnixAddress(listener.bind) && listener.bind.port === 0) continue
    const address = showAddress(listener.bind)
    const key = `${listener.transport === 'udp' ? 'udp' : 'stream'} ${address}`
    const other = taken.get(key)
    if (other === undefined) taken.set(key, name)
    else faults.push({ key: `${name}.bind`, message: `${address} is already the address of [listeners.${other}]`, hint: 'another port' })
  }
  return faults
}
