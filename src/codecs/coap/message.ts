import type { CoapType } from './codes.ts'

/** One option as it stands in a message; `value` may be a view into the datagram. */
export interface CoapOption {
  readonly number: number
  readonly value: Uint8Array
}

/** A CoAP message (`RFC 7252 §3`). Version is always 1. Byte fields may be views into the datagram. */
export interface CoapMessage {
  readonly type: CoapType
  /** Method or response code, 0 for an Empty message. */
  readonly code: number
  /** 0–65535. */
  readonly messageId: number
  /** 0–8 bytes. */
  readonly token: Uint8Array
  /** In the order of their numbers; repeated ones in the order of the message. */
  readonly options: readonly CoapOption[]
  /** Empty when the message has none. */
  readonly payload: Uint8Array
}

/** What is wrong with a datagram that has a readable CoAP header. */
export type CoapFault =
  | 'token-length'
  | 'token-truncated'
  | 'option-reserved'
  | 'option-truncated'
  | 'option-number'
  | 'payload-missing'
  | 'code-reserved'
  | 'type-reserved'
  | 'empty-with-content'

/**
 * What a datagram turned out to be.
 * - `message`: well formed.
 * - `ignored`: not CoAP version 1; the receiver stays silent (`RFC 7252 §3`).
 * - `malformed`: a message format error at byte `offset`; the receiver rejects it with RST if it is Confirmable
 *   and ignores it otherwise (`RFC 7252 §4.2, §4.3`).
 */
export type Decoded =
  | { readonly outcome: 'message'; readonly message: CoapMessage }
  | { readonly outcome: 'ignored'; readonly reason: 'too-short' | 'version' }
  | {
      readonly outcome: 'malformed'
      readonly reason: CoapFault
      readonly offset: number
      readonly type: CoapType
      readonly code: number
      readonly messageId: number
    }

export const NO_BYTES = new Uint8Array(0)
export const NO_OPTIONS: readonly CoapOption[] = []
