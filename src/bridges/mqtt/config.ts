/** `[bridges.NAME]` with `kind = "mqtt"`. */
import {
  boolean,
  type CheckFault,
  duration,
  enumeration,
  type Infer,
  integer,
  list,
  number,
  path,
  readText,
  scalar,
  secret,
  size,
  string,
  table,
} from '#base/schema.ts'
import { filtersOverlap } from '#base/topic-filter.ts'
import { readTemplate } from '#bridges/engine/template.ts'
import { type Endpoint, type HttpProxy, isSecure, readProxyUrl, readServerUrl } from '#clients/mqtt/index.ts'
import { filterFault } from '#codecs/mqtt/index.ts'

const PLACEHOLDERS =
  '`${topic}`, `${rest}` (what # matched), `${1}`… (what each + matched), `${gateway}`, `${client}`; `$${` stands for `${`'

const url = scalar<Endpoint, { description: string; required: true; example: string }>(
  {
    typeName: 'URL',
    textual: true,
    json: { type: 'string', pattern: '^(mqtts?|wss?)://' },
    range: '`mqtt://`, `mqtts://`, `ws://`, `wss://`',
    read(written) {
      const text = readText(written)
      return text.ok ? readServerUrl(text.value) : text
    },
  },
  {
    description:
      'The upstream broker. Without a port it is 1883, with TLS (mqtts) 8883; over WebSocket 80 (ws) and 443 (wss), and without a path `/mqtt`.',
    required: true,
    example: 'mqtts://broker.example:8883',
  },
)

const proxy = scalar<HttpProxy, { description: string; example: string }>(
  {
    typeName: 'URL',
    textual: true,
    json: { type: 'string', pattern: '^http://' },
    range: '`http://`',
    read(written) {
      const text = readText(written)
      return text.ok ? readProxyUrl(text.value) : text
    },
  },
  { description: 'An HTTP proxy on the way to the upstream, which must allow CONNECT to its port.', example: 'http://proxy.example:8080' },
)

const tls = table(
  {
    ca: path({ description: 'PEM file with the authorities that sign the upstream, instead of the public ones.' }),
    cert: path({ description: 'PEM file with the certificate (chain) of this gateway.' }),
    key: path({ description: 'PEM file with the key of `cert`.' }),
    key_password: secret({ description: 'The password of `key`; better in a file.' }),
    psk_identity: string({ maxLength: 128, description: 'The name that goes with a pre-shared key.' }),
    psk: secret({ description: 'A pre-shared key in hexadecimal digits, instead of certificates; better in a file.' }),
    servername: string({ description: 'The name that must be in the certificate of the upstream; by default the host of the URL.' }),
    insecure: boolean({ description: 'Take any certificate. Only for trying things out.', default: false }),
  },
  {
    description: 'TLS, for `mqtts://` and `wss://`. The files are read anew for each connection.',
    optional: true,
    check: ({ cert, key, insecure, psk, psk_identity: identity }) => [
      ...(psk !== undefined && identity === undefined ? [{ key: '', message: 'psk needs psk_identity' }] : []),
      ...(psk === undefined && identity !== undefined ? [{ key: 'psk_identity', message: 'has no key', hint: 'set psk_file' }] : []),
      ...(psk !== undefined && !/^(?:[0-9A-Fa-f]{2}){1,512}$/.test(psk.trim())
        ? [{ key: '', message: 'psk must be an even number of hexadecimal digits' }]
        : []),
      ...(cert !== undefined && key === undefined ? [{ key: 'cert', message: 'has no key', hint: 'set key as well' }] : []),
      ...(cert === undefined && key !== undefined ? [{ key: 'key', message: 'has no certificate', hint: 'set cert as well' }] : []),
      ...(insecure ? [warning('insecure', 'anybody on the way can pretend to be the upstream', 'set ca instead')] : []),
    ],
  },
)

const filter = (description: string, example: string) =>
  string({
    description,
    required: true,
    example,
    typeName: 'topic filter',
    test: text => {
      const message = filterFault(text)
      return message === undefined ? undefined : { message }
    },
  })
const qos = (description: string) => integer({ description, default: 1, min: 0, max: 2 })

/** Filters whose messages do not go to every subscriber. */
const FOR_SOME_ALONE = /^\$(?:share|queue|exclusive)\//

const outRoute = table(
  {
    from: filter('Filter of local topics.', 'sensors/#'),
    to: string({ description: `Topic at the upstream. ${PLACEHOLDERS}.`, default: '${topic}', example: 'site-7/${topic}' }),
    qos: qos('The most; what was published lower stays lower.'),
    envelope: enumeration(['none', 'json'], {
      description: 'Wrap the payload in a JSON object that carries the time of the message; MQTT 3.1.1 has no other place for it.',
      default: 'none',
    }),
  },
  {
    description: 'Local messages that go to the upstream.',
    check: ({ from, to }) => [
      ...templateFaults(to, from),
      ...(FOR_SOME_ALONE.test(from)
        ? [{ key: 'from', message: 'a bridge has its own copy of every message: no $share, $queue or $exclusive here' }]
        : []),
    ],
  },
)

const inRoute = table(
  {
    from: filter('Filter of topics at the upstream.', 'site-7/cmd/#'),
    to: string({ description: `Local topic. ${PLACEHOLDERS}; the client is this bridge.`, default: '${topic}', example: 'cmd/${rest}' }),
    qos: qos('The QoS to subscribe with.'),
  },
  {
    description: 'Messages of the upstream that are published here. Of routes that overlap the first one counts.',
    check: ({ from, to }) => templateFaults(to, from),
  },
)

const spool = table(
  {
    max_bytes: size({ description: 'The most that waits for the upstream.', default: '1GiB', min: '64KiB' }),
    max_age: duration({ description: 'Older messages are dropped; 0s: never.', default: '30d' }),
    when_full: enumeration(['drop-oldest', 'drop-newest', 'reject'], {
      description: 'What a full spool does: drops its oldest, drops the newcomer, or has the publish refused.',
      default: 'drop-oldest',
    }),
    order: enumeration(['fifo', 'live-first'], {
      description:
        'The order in which it is emptied: as it came, or what comes while the upstream is there before what has waited for it (both in order).',
      default: 'fifo',
      planned: ['newest-first'],
    }),
    qos0: boolean({ description: 'Spool QoS 0 and send it at QoS 1; otherwise it is sent only while connected.', default: true }),
  },
  { description: 'What waits for the upstream, on disk.' },
)

const pace = table(
  {
    messages_per_second: number({
      description: 'The most that is sent; 0: as fast as the window of the upstream allows.',
      default: 0,
      min: 0,
    }),
    burst: integer({ description: 'Messages that may go at once after a pause.', default: 100, min: 1, unit: 'messages' }),
  },
  { description: 'How fast the spool is emptied.' },
)

/** The schema of one bridge of this kind. */
export const mqttBridge = table(
  {
    url,
    version: enumeration(['5', '3.1.1'], { description: 'Version of MQTT.', default: '5' }),
    client_id: string({ description: 'Client id at the upstream; by default the id of the gateway.' }),
    username: string({ description: 'User name at the upstream.' }),
    password: secret({ description: 'Password at the upstream; better in a file.' }),
    tls,
    alpn: list(string({ description: 'A protocol name.', maxLength: 255 }), {
      description: 'Protocol names for TLS, where the upstream wants some.',
    }),
    proxy,
    proxy_username: string({ description: 'User name at the proxy.' }),
    proxy_password: secret({ description: 'Password at the proxy; better in a file.' }),
    keep_alive: duration({ description: 'The upstream hears something at least this often; 0s: no need.', default: '60s', max: '65535s' }),
    clean_start: boolean({
      description:
        'Have the upstream forget its session at each connection. QoS 2 is then sent at QoS 1, and what came for this gateway meanwhile is lost.',
      default: false,
    }),
    session_expiry: duration({
      description: 'How long the upstream keeps the session while this gateway is away (MQTT 5).',
      default: '30d',
    }),
    connect_timeout: duration({ description: 'The most that each step of connecting may take.', default: '20s', min: '1s', max: '10m' }),
    receive_maximum: integer({
      description:
        'Messages sent and not acknowledged, each way. By default 100, of which an MQTT 5 upstream takes what it allows, and 20 in MQTT 3.1.1, where it cannot tell and may close the connection beyond that.',
      min: 1,
      max: 65_535,
      unit: 'messages',
    }),
    max_packet: size({ description: 'The longest packet that the upstream may send.', default: '16MiB', min: '1KiB', max: '256MiB' }),
    out: list(outRoute, { description: 'Local messages that go to the upstream.', max: 1000 }),
    in: list(inRoute, { description: 'Messages of the upstream that are published here.', max: 1000 }),
    spool,
    pace,
  },
  { description: 'Store-and-forward to another MQTT broker.', check: checkBridge },
)

export type MqttBridgeConfig = Infer<typeof mqttBridge>
export type OutRoute = MqttBridgeConfig['out'][number]
export type InRoute = MqttBridgeConfig['in'][number]

function templateFaults(to: string, from: string): CheckFault[] {
  const reading = readTemplate(to, from)
  if (reading.ok) return []
  return [{ key: 'to', message: reading.message, ...(reading.hint === undefined ? {} : { hint: reading.hint }) }]
}

interface Checked {
  url: Endpoint
  version: string
  username?: string
  password?: string
  tls?: object
  alpn: readonly string[]
  proxy?: HttpProxy
  proxy_username?: string
  out: readonly { from: string; to: string; envelope: string }[]
  in: readonly { from: string; to: string }[]
}

function checkBridge(bridge: Checked): CheckFault[] {
  const faults: CheckFault[] = []
  if (!isSecure(bridge.url)) {
    const mute = bridge.tls !== undefined ? 'tls' : bridge.alpn.length > 0 ? 'alpn' : undefined
    const scheme = bridge.url.scheme === 'ws' ? 'wss' : 'mqtts'
    if (mute !== undefined) faults.push({ key: mute, message: 'has no effect without TLS', hint: `write ${scheme}:// in url` })
  }
  if (bridge.proxy === undefined && bridge.proxy_username !== undefined) {
    faults.push({ key: 'proxy_username', message: 'has no effect without a proxy', hint: 'set proxy' })
  }
  if (bridge.version === '3.1.1' && bridge.password !== undefined && bridge.username === undefined) {
    // [MQTT-3.1.2-22]
    faults.push({ key: 'password', message: 'MQTT 3.1.1 has no password without a user name', hint: 'set username' })
  }
  if (bridge.out.length === 0 && bridge.in.length === 0)
    faults.push(warning('', 'has no routes: nothing goes over this bridge', 'add [[bridges.NAME.out]]'))
  faults.push(...repeated('out', bridge.out), ...repeated('in', bridge.in), ...loops(bridge))
  return faults
}

/** The broker knows a subscription by its filter: the same filter cannot lead to two topics. */
function repeated(direction: 'out' | 'in', routes: Checked['in']): CheckFault[] {
  const seen = new Set<string>()
  const faults: CheckFault[] = []
  routes.forEach(({ from }, i) => {
    if (seen.has(from))
      faults.push({
        key: `${direction}.${i}.from`,
        message: `${from} stands in an earlier route of this bridge already`,
        hint: 'use a second bridge',
      })
    seen.add(from)
  })
  return faults
}

/** Messages that went up and come down again, to topics that go up. */
function loops(bridge: Checked): CheckFault[] {
  const faults: CheckFault[] = []
  bridge.in.forEach((down, i) => {
    const local = rangeOf(down)
    for (const up of bridge.out) {
      const upstream = rangeOf(up)
      if (local === undefined || upstream === undefined) continue
      if (!filtersOverlap(upstream, down.from) || !filtersOverlap(local, up.from)) continue
      faults.push(warning(`in.${i}.from`, `what goes up by ${up.from} comes back here as ${local}`, 'use topics that do not overlap'))
      return
    }
  })
  return faults
}

function rangeOf(route: { from: string; to: string }): string | undefined {
  const reading = readTemplate(route.to, route.from)
  return reading.ok ? reading.template.range : undefined
}

function warning(key: string, message: string, hint: string): CheckFault {
  return { key, message, hint, severity: 'warning' }
}
