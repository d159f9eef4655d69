/** What a request to `/ps/{topic}` asks for: its path and its query. */
import type { Qos } from '#broker/ports.ts'
import { percentDecode, splitQuery } from '#codecs/coap/index.ts'
import type { Claim } from './clients.ts'
import type { CoapRequest } from './endpoint-request.ts'

export interface PubSubRequest extends Claim {
  /** Topic name or filter, as the device writes it. */
  topic: string
  qos: Qos
  retain: boolean
  /** Lifetime of the message in seconds; 0: none. */
  expirySeconds: number
}

const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, '1': true, false: false, '0': false }
const CLIENT_ID_LENGTH_MAX = 256
/** The largest expiry of MQTT 5, which counts in 32 bits. */
const EXPIRY_SECONDS_MAX = 0xffffffff

/** Reads path and query; a sentence instead where they make no sense (4.00). */
export function readPubSubRequest(request: CoapRequest): PubSubRequest | string {
  const topic = topicOf(request.path)
  if (topic === undefined) return 'the topic is not UTF-8'
  if (topic === '') return 'no topic'
  const result: PubSubRequest = {
    topic,
    qos: request.confirmable ? 1 : 0,
    retain: false,
    expirySeconds: 0,
    clientId: undefined,
    username: undefined,
    password: undefined,
  }
  for (const part of request.query) {
    const fault = takeQuery(result, part)
    if (fault !== undefined) return fault
  }
  return result
}

/** The topic: all segments after the first. An empty last one (`/ps/a/`) counts, as in MQTT. */
function topicOf(path: readonly string[]): string | undefined {
  return percentDecode(path.length === 2 ? path[1] : path.slice(1).join('/'))
}

function takeQuery(into: PubSubRequest, part: string): string | undefined {
  const [name, written = ''] = splitQuery(part)
  const value = percentDecode(written)
  if (value === undefined) return `${name} is not UTF-8`
  switch (name) {
    case 'qos':
      if (value !== '0' && value !== '1' && value !== '2') return 'qos is 0, 1 or 2'
      into.qos = Number(value) as Qos
      return undefined
    case 'retain':
      if (!Object.hasOwn(BOOLEANS, value)) return 'retain is true or false'
      into.retain = BOOLEANS[value]
      return undefined
    case 'expiry':
      if (!/^\d{1,10}$/.test(value) || Number(value) > EXPIRY_SECONDS_MAX) return 'expiry is a number of seconds'
      into.expirySeconds = Number(value)
      return undefined
    case 'clientid':
      if (!isClientId(value)) return 'clientid must not be empty or begin with $'
      into.clientId = value
      return undefined
    case 'username':
      into.username = value
      return undefined
    case 'password':
      into.password = value
      return undefined
    default:
      // Others may be meant for a proxy or another server: they change nothing here.
      return undefined
  }
}

function isClientId(text: string): boolean {
  return text !== '' && text.length <= CLIENT_ID_LENGTH_MAX && !text.startsWith('$') && !/[\u0000-\u001f\u007f-\u009f]/.test(text)
}
