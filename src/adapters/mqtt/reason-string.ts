/** Reason Strings (`MQTT 5 §3.2.2.3.9`): a sentence for people, where the client wants one and has room for it. */
import { encodePacket, type Packet, type Properties, REASON_CODES } from '#codecs/mqtt/index.ts'

const LENGTH_MAX = 256

/** Packets that can carry a Reason String. */
type Explained = Extract<Packet, { properties?: Properties }> & { type: ExplainedType }
type ExplainedType = 'connack' | 'puback' | 'pubrec' | 'pubrel' | 'pubcomp' | 'suback' | 'unsuback' | 'disconnect' | 'auth'

/** What the client said about the packets that it gets. */
export interface Wishes {
  /** Request Problem Information (`§3.1.2.11.7`). */
  readonly requestsProblemInformation: boolean
  /** Maximum Packet Size (`§3.1.2.11.4`), bytes. */
  readonly packetBytesMax: number
}

/** An explanation as a Reason String: it may quote what the peer sent, so it is cut and made plain text. */
export function reasonStringOf(explanation: string): string {
  return explanation
    .slice(0, LENGTH_MAX)
    .toWellFormed()
    .replace(/[\0-\x1f\x7f-\x9f]/g, '\ufffd')
}

/**
 * The MQTT 5 frame of a packet with an explanation, or without one where the client does not want it [MQTT-3.1.2-29]
 * or the packet would become too large for it [MQTT-3.2.2-19].
 */
export function explainedFrame(wishes: Wishes, packet: Explained, explanation: string | undefined): Uint8Array {
  if (explanation !== undefined && wishes.requestsProblemInformation) {
    const properties = { ...packet.properties, reasonString: reasonStringOf(explanation) }
    const frame = encodePacket({ ...packet, properties } as Packet, 5)
    if (frame.length <= wishes.packetBytesMax) return frame
  }
  return encodePacket(packet, 5)
}

const EXPLANATIONS: Readonly<Record<number, string>> = {
  [REASON_CODES.notAuthorized]: 'the rules of this gateway do not allow it',
  [REASON_CODES.topicFilterInvalid]: 'the topic filter is not valid, or has too many levels',
  [REASON_CODES.topicNameInvalid]: 'the topic name has too many levels',
  [REASON_CODES.packetIdentifierNotFound]: 'nothing is in flight under this packet identifier',
  [REASON_CODES.quotaExceeded]: 'a recipient’s queue or the disk is full; try again later',
  [REASON_CODES.payloadFormatInvalid]: 'the payload says that it is UTF-8 text and is not',
  [REASON_CODES.messageRateTooHigh]: 'messages come faster than the limit allows',
  [REASON_CODES.sharedSubscriptionsNotSupported]: 'shared subscriptions are not available',
}

/** What is said with a refusal's reason code; undefined for what needs no words. */
export function explanationOf(reasonCode: number): string | undefined {
  return EXPLANATIONS[reasonCode]
}
