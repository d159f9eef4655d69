import type { Clock } from '#base/clock.ts'
import type { Logger } from '#base/logger.ts'
import { type CoapOption, type CoapType, encodeEmpty, encodeMessage, encodeUint, OPTION, TYPE } from '#codecs/coap/index.ts'
import type { OutgoingBodies } from './endpoint-bodies.ts'
import type { DuplicateTable } from './endpoint-duplicates.ts'
import type { Peer } from './endpoint-peer.ts'
import type { Transmitter } from './endpoint-transmission.ts'
import type { CoapResponse, EndpointCounters, EndpointLimits } from './endpoint-types.ts'
import type { Verification } from './endpoint-verification.ts'

/** What the parts of one endpoint share. */
export interface EndpointContext {
  readonly clock: Clock
  readonly logger: Logger
  readonly limits: EndpointLimits
  readonly counters: EndpointCounters
  readonly duplicates: DuplicateTable
  readonly transmitter: Transmitter
  readonly verification: Verification
  readonly outgoing: OutgoingBodies
  /** Sends a datagram to a peer and counts it. */
  send(peer: Peer, bytes: Uint8Array): void
}

/** The options that a response's named fields stand for, and its further ones. */
export function responseOptions(response: CoapResponse): CoapOption[] {
  const options: CoapOption[] = []
  if (response.etag !== undefined) options.push({ number: OPTION.ETag, value: response.etag })
  if (response.contentFormat !== undefined) options.push({ number: OPTION.ContentFormat, value: encodeUint(response.contentFormat) })
  if (response.maxAge !== undefined) options.push({ number: OPTION.MaxAge, value: encodeUint(response.maxAge) })
  if (response.options !== undefined) options.push(...response.options)
  return options
}

export function encodeResponse(
  type: CoapType,
  messageId: number,
  token: Uint8Array,
  code: number,
  options: readonly CoapOption[],
  payload: Uint8Array,
): Uint8Array {
  return encodeMessage({ type, code, messageId, token, options, payload })
}

/** Asks a peer whether it is there and its address is its own: a ping, which it answers with RST. */
export function probe(context: EndpointContext, peer: Peer): void {
  if (peer.verified || peer.probing) return
  peer.probing = true
  const messageId = peer.messageId()
  context.transmitter.ping(peer, messageId, encodeEmpty(TYPE.CON, messageId), () => {
    peer.probing = false
  })
}

/** A short hash of a body for ETags: 8 bytes, equal for equal bodies of equal Content-Format. Not for secrets. */
export function bodyTag(body: Uint8Array, contentFormat: number | undefined): Uint8Array {
  let a = 0x811c9dc5 ^ (contentFormat === undefined ? 0xffff_ffff : contentFormat)
  let b = 0x9e3779b9 ^ body.length
  for (let i = 0; i < body.length; i++) {
    a = Math.imul(a ^ body[i], 0x01000193)
    b = Math.imul((b << 5) ^ (b >>> 27) ^ body[i], 0x85ebca6b)
  }
  const tag = Buffer.alloc(8)
  tag.writeInt32BE(a | 0, 0)
  tag.writeInt32BE(b | 0, 4)
  return tag
}

/** Bytes as a key for maps. */
export function bytesKey(bytes: Uint8Array): string {
  let key = ''
  for (let i = 0; i < bytes.length; i++) key += String.fromCharCode(bytes[i])
  return key
}
