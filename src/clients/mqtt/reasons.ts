/** What a server's refusal means, in words for the person who installs the gateway (`MQTT 5 §2.4`, `MQTT 3.1.1 §3.2.2.3`). */
import { type ErrorCode, GatewayError } from '#base/errors.ts'

interface Meaning {
  code: ErrorCode
  /** Completed by "the server" in front. */
  message: string
  hint?: string
}

const REFUSALS: Readonly<Record<number, Meaning>> = {
  128: { code: 'refused', message: 'gives no reason' },
  129: { code: 'refused', message: 'says that a packet was malformed' },
  130: { code: 'refused', message: 'says that a packet broke the protocol' },
  131: { code: 'refused', message: 'does not accept this' },
  132: { code: 'refused', message: 'does not speak this version of MQTT', hint: 'try the other version, "3.1.1" or "5"' },
  133: { code: 'identifier-rejected', message: 'does not accept the client id', hint: 'set client_id to what the server expects' },
  134: { code: 'bad-credentials', message: 'does not accept the user name or password', hint: 'look at username and password_file' },
  135: { code: 'not-authorized', message: 'does not permit this', hint: 'the account at the server needs the right to do it' },
  136: { code: 'server-busy', message: 'is not available' },
  137: { code: 'server-busy', message: 'is busy' },
  138: { code: 'not-authorized', message: 'has banned this client', hint: 'ask whoever runs the server' },
  139: { code: 'server-busy', message: 'is shutting down' },
  140: { code: 'bad-credentials', message: 'does not accept this way of authentication' },
  141: { code: 'timeout', message: 'has not heard from this client for too long' },
  142: { code: 'refused', message: 'has a newer connection with the same client id', hint: 'give every client an id of its own' },
  143: { code: 'topic-invalid', message: 'does not accept the topic filter' },
  144: { code: 'topic-invalid', message: 'does not accept the topic' },
  145: { code: 'refused', message: 'says that the packet id is in use' },
  146: { code: 'refused', message: 'does not know the packet id' },
  147: { code: 'quota-exceeded', message: 'got more messages at once than it allows' },
  148: { code: 'refused', message: 'does not accept the topic alias' },
  149: { code: 'quota-exceeded', message: 'does not take packets of this size', hint: 'send smaller messages, or raise its limit' },
  150: { code: 'quota-exceeded', message: 'gets messages too fast', hint: 'set pace.messages_per_second' },
  151: { code: 'quota-exceeded', message: 'says that a quota is used up', hint: 'look at the limits of the account at the server' },
  152: { code: 'refused', message: 'was told by its operator to close the connection' },
  153: { code: 'refused', message: 'does not accept the payload format' },
  154: { code: 'refused', message: 'keeps no retained messages' },
  155: { code: 'refused', message: 'does not offer this QoS', hint: 'lower qos in the route' },
  156: { code: 'refused', message: 'asks to use another server for now' },
  157: { code: 'refused', message: 'has moved', hint: 'change the url' },
  158: { code: 'refused', message: 'offers no shared subscriptions' },
  159: { code: 'server-busy', message: 'gets connections too fast' },
  160: { code: 'refused', message: 'ended the connection because it lasted too long' },
  161: { code: 'refused', message: 'offers no subscription identifiers' },
  162: { code: 'refused', message: 'offers no wildcards in filters', hint: 'write filters without + and #' },
}

/** MQTT 3's return codes as the reason codes that say the same. */
const OF_RETURN_CODE = [0, 132, 133, 136, 134, 135]

/** Refusals that a later attempt may overcome without anybody changing anything. */
const PASSING = new Set([136, 137, 139, 141, 147, 150, 151, 152, 156, 159, 160])

/** Makes an MQTT 3 return code of a CONNACK into the reason code of MQTT 5; what is not defined is "unspecified". */
export function reasonOfReturnCode(returnCode: number): number {
  return OF_RETURN_CODE[returnCode] ?? 128
}

/**
 * The error for a refusal by the server. `what`: what it was that it refused, put in front (`publishing on a/b`);
 * `said`: its reason string, if it sent one; `reference`: another server that it names.
 */
export function refusal(reason: number, what?: string, said?: string, reference?: string): GatewayError {
  const meaning = REFUSALS[reason] ?? { code: 'refused' as const, message: `answers with reason 0x${reason.toString(16)}` }
  const { code, hint } = meaning
  const also = said === undefined || said === '' ? '' : `: "${said.slice(0, 200)}"`
  const other = reference === undefined || reference === '' ? '' : ` (it names ${reference.slice(0, 200)})`
  const message = `${what === undefined ? '' : `${what}: `}the server ${meaning.message}${other}${also}`
  return new GatewayError(code, message, { reason, retryable: PASSING.has(reason), ...(hint === undefined ? {} : { hint }) })
}
