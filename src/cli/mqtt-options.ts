/** How `pub` and `sub` reach a server; the letters are those that people know from mosquitto's clients. */
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { describeError, GatewayError } from '#base/errors.ts'
import {
  CLIENT_DEFAULTS,
  type ClientOptions,
  type ClientVersion,
  connectClient,
  type Endpoint,
  isSecure,
  type MqttClient,
  openStream,
  parseProxyUrl,
  parseServerUrl,
  type Target,
  type TlsFiles,
} from '#clients/mqtt/index.ts'
import type { Context } from './context.ts'
import { flag, pathFrom, text, usage, type Values, whole, word } from './option.ts'

const PASSWORD_BYTES_MAX = 65_535
const OPEN_TIMEOUT_MS = 15_000
const PORT = 1883
const PORT_TLS = 8883

export const mqttOptions = {
  host: text('HOST', 'the server (default 127.0.0.1)', { short: 'h' }),
  url: text('URL', 'the server as mqtt://, mqtts://, ws:// or wss://HOST:PORT/PATH'),
  port: whole('PORT', `its port (default ${PORT}, with --tls ${PORT_TLS})`, { short: 'p', min: 1, max: 65_535 }),
  id: text('ID', 'the client id (default: the server makes one)', { short: 'i' }),
  username: text('NAME', 'the user name', { short: 'u' }),
  'password-file': text('FILE', 'a file with the password', { short: 'P' }),
  'password-stdin': flag('reads the password from standard input'),
  'mqtt-version': word(['5', '3.1.1', '4'], 'the version of MQTT (default 5; 4 is another name for 3.1.1)', { short: 'V' }),
  'keep-alive': whole('SECONDS', 'the keep-alive (default 60)', { short: 'k', min: 0, max: 65_535 }),
  tls: flag('uses TLS; implied by the options below'),
  cafile: text('FILE', 'the authorities that may sign the server, in PEM'),
  cert: text('FILE', 'the certificate of this client, in PEM'),
  key: text('FILE', 'its key, in PEM'),
  servername: text('NAME', "the name in the server's certificate (default: HOST)"),
  insecure: flag('takes any certificate'),
  'psk-identity': text('NAME', 'the name that goes with a pre-shared key'),
  'psk-file': text('FILE', 'a file with that key in hexadecimal digits'),
  alpn: text('NAME', 'the protocol to ask for in TLS'),
  proxy: text('URL', 'an HTTP proxy on the way, http://HOST:PORT'),
}

export type MqttValues = Values<typeof mqttOptions>

/** What differs between the two verbs. */
export interface SessionWish {
  cleanStart: boolean
  onMessage?: ClientOptions['onMessage']
  onClose?: ClientOptions['onClose']
}

/** MQTT 5: the session outlives its connection for as long as the server allows. */
const SESSION_EXPIRY_FOREVER = 0xffff_ffff

/** @throws GatewayError `usage`, `config-unreadable`, and whatever keeps the client from connecting */
export async function connectFrom(values: MqttValues, wish: SessionWish, context: Context): Promise<MqttClient> {
  const { cleanStart, onMessage, onClose } = wish
  const password = await passwordOf(values, context)
  if (password !== undefined && values.username === undefined) throw usage('a password needs a user name', 'add --username NAME')
  if ((values.cert === undefined) !== (values.key === undefined)) throw usage('--cert and --key belong together')
  const version: ClientVersion = values['mqtt-version'] === undefined || values['mqtt-version'] === '5' ? 5 : 4
  const { id = CLIENT_DEFAULTS.clientId, username } = values
  return connectClient({
    ...CLIENT_DEFAULTS,
    version,
    clientId: id,
    cleanStart,
    username,
    password,
    keepAliveSeconds: values['keep-alive'] ?? CLIENT_DEFAULTS.keepAliveSeconds,
    ...(cleanStart || version !== 5 ? {} : { sessionExpirySeconds: SESSION_EXPIRY_FOREVER }),
    ...(onMessage === undefined ? {} : { onMessage }),
    ...(onClose === undefined ? {} : { onClose }),
    target: targetFrom(values, context),
    open: openStream,
    clock: context.parts.clock,
  })
}

function targetFrom(values: MqttValues, context: Context): Target {
  const endpoint = endpointFrom(values)
  const { alpn, proxy, 'psk-identity': identity, 'psk-file': pskFile } = values
  if ((identity === undefined) !== (pskFile === undefined)) throw usage('--psk-identity and --psk-file belong together')
  const path = (name: string | undefined) => (name === undefined ? undefined : pathFrom(context.folder, name))
  const tls: TlsFiles = {
    ca: path(values.cafile),
    cert: path(values.cert),
    key: path(values.key),
    servername: values.servername,
    insecure: values.insecure,
    ...(identity !== undefined && { psk: { identity, key: keyFrom(path(pskFile)!) } }),
  }
  return {
    endpoint,
    tls: isSecure(endpoint) ? tls : undefined,
    alpn: alpn === undefined ? undefined : [alpn],
    proxy: proxy === undefined ? undefined : parseProxyUrl(proxy),
    openTimeoutMs: OPEN_TIMEOUT_MS,
  }
}

function endpointFrom(values: MqttValues): Endpoint {
  const { url, host, port } = values
  const withTls = usesTls(values)
  if (url === undefined) {
    return { scheme: withTls ? 'mqtts' : 'mqtt', host: host ?? '127.0.0.1', port: port ?? (withTls ? PORT_TLS : PORT) }
  }
  if (host !== undefined || port !== undefined) throw usage('--url has host and port already', 'leave out --host and --port')
  const endpoint = parseServerUrl(url)
  if (withTls && !isSecure(endpoint)) throw usage('the options for TLS need mqtts:// or wss:// in --url')
  return endpoint
}

function keyFrom(file: string): Buffer {
  const hex = readFile(file, 'the pre-shared key').toString('latin1').trim()
  if (!/^(?:[0-9A-Fa-f]{2})+$/.test(hex)) throw usage(`${file} must hold an even number of hexadecimal digits`)
  return Buffer.from(hex, 'hex')
}

function usesTls({ tls, cafile, cert, servername, insecure, alpn, ...values }: MqttValues): boolean {
  return tls || insecure || [cafile, cert, servername, alpn, values['psk-identity'], values['psk-file']].some(each => each !== undefined)
}

async function passwordOf(values: MqttValues, context: Context): Promise<Uint8Array | undefined> {
  const { 'password-file': file, 'password-stdin': fromStdin } = values
  if (file !== undefined && fromStdin) throw usage('--password-file and --password-stdin exclude each other')
  if (fromStdin) return withoutNewline(await readAll(context.stdin, PASSWORD_BYTES_MAX, 'the password'))
  if (file === undefined) return undefined
  return withoutNewline(readFile(pathFrom(context.folder, file), 'the password'))
}

/** A whole file. @throws GatewayError `config-unreadable` */
export function readFile(path: string, what: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new GatewayError('config-unreadable', `${what} cannot be read: ${describeError(cause)}`, { cause })
  }
}

/** A stream to its end. @throws GatewayError `quota-exceeded` when it is longer than `bytesMax` */
export async function readAll(stream: Readable, bytesMax: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    const piece = Buffer.from(chunk)
    bytes += piece.length
    if (bytes > bytesMax) throw new GatewayError('quota-exceeded', `${what} is longer than ${bytesMax} bytes`)
    chunks.push(piece)
  }
  return Buffer.concat(chunks)
}

/** Editors end files with a newline that is no part of a password. */
function withoutNewline(bytes: Buffer): Buffer {
  let end = bytes.length
  if (bytes[end - 1] === 0x0a) end--
  if (bytes[end - 1] === 0x0d) end--
  return bytes.subarray(0, end)
}
