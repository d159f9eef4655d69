/** The endpoint's vocabulary: what goes in and out of it, its limits and its counters. */
import type { CoapOption } from '#codecs/coap/index.ts'

/** Where datagrams leave: a datagram listener, or a network made of memory. */
export interface DatagramPort {
  send(bytes: Uint8Array, address: string, port: number): void
}

/** Transmission parameters (`RFC 7252 §4.8`) and the size of every table. All times in ms of running time. */
export interface EndpointLimits {
  /** ACK_TIMEOUT. */
  ackTimeoutMs: number
  /** ACK_RANDOM_FACTOR. */
  ackRandomFactor: number
  /** MAX_RETRANSMIT. */
  retransmitMax: number
  /** NSTART: Confirmable messages in flight to one peer. */
  nstart: number
  /** After this long without an answer from the resource the empty ACK leaves. Below the peers' ACK_TIMEOUT. */
  ackDelayMs: number
  /** EXCHANGE_LIFETIME: how long a message id of a Confirmable message is remembered. */
  exchangeLifetimeMs: number
  /** NON_LIFETIME. */
  nonLifetimeMs: number
  /** Peers remembered; full: the longest idle is forgotten. */
  peersMax: number
  /** Message ids remembered over all peers and of one peer; full: the oldest goes. */
  duplicatesMax: number
  duplicatesPerPeerMax: number
  /** Confirmable messages that wait behind NSTART for one peer; full: the newcomer fails. */
  waitingPerPeerMax: number
  /** Requests whose answer takes its time, over all peers; full: newcomers get 5.03. */
  pendingMax: number
  /** The largest block exponent that is offered: 0–6. */
  szxMax: number
  /** The largest body, in and out, whatever number of blocks it takes. */
  bodyBytesMax: number
  /** Bytes of unfinished block-wise transfers over all peers, each way. In: newcomers get 5.03; out: the oldest goes. */
  transferBytesMax: number
  /** An unfinished block-wise transfer is forgotten after this pause. */
  transferIdleMs: number
  /** A notification whose further blocks are not fetched for this long no longer holds up the next. */
  fetchIdleMs: number
  /** Observers over all peers and of one peer; full: the answer comes without Observe (`RFC 7641 §4.1`). */
  observersMax: number
  observersPerPeerMax: number
  /** Non-confirmable notifications that wait for one observer; full: the oldest goes. */
  notificationsMax: number
  /** Every so many notifications to an observer one is Confirmable, to learn whether it is still there. */
  confirmEvery: number
  /** An observer that showed no sign of life for this long is asked for one (`RFC 7641 §4.5`: at most 24 hours). */
  observerSilenceMs: number
  /** Bytes per second beyond three times what they sent, to all peers that have not shown that their address is theirs. */
  unverifiedBytesPerSecond: number
  unverifiedBurstBytes: number
}

export const ENDPOINT_LIMITS: EndpointLimits = {
  ackTimeoutMs: 2000,
  ackRandomFactor: 1.5,
  retransmitMax: 4,
  nstart: 1,
  ackDelayMs: 1000,
  exchangeLifetimeMs: 247_000,
  nonLifetimeMs: 145_000,
  peersMax: 20_000,
  duplicatesMax: 0x10000,
  duplicatesPerPeerMax: 4096,
  waitingPerPeerMax: 64,
  pendingMax: 20_000,
  szxMax: 6,
  bodyBytesMax: 1 << 20,
  transferBytesMax: 16 << 20,
  transferIdleMs: 93_000,
  fetchIdleMs: 5000,
  observersMax: 20_000,
  observersPerPeerMax: 64,
  notificationsMax: 64,
  confirmEvery: 16,
  observerSilenceMs: 6 * 3_600_000,
  unverifiedBytesPerSecond: 64 << 10,
  unverifiedBurstBytes: 256 << 10,
}

/** Plain counters, read at scrape time. */
export function endpointCounters() {
  return {
    received: 0,
    sent: 0,
    /** Datagrams that are not CoAP version 1. */
    ignored: 0,
    malformed: 0,
    /** Messages that make no sense where they came (an ACK nobody waits for, a response to no request). */
    unexpected: 0,
    duplicates: 0,
    /** Message ids forgotten before their time because a table was full. */
    duplicatesForgotten: 0,
    requests: 0,
    responses: 0,
    /** Requests answered 4.xx or 5.xx. */
    refused: 0,
    badOptions: 0,
    emptyAcks: 0,
    retransmissions: 0,
    transmissionTimeouts: 0,
    notifications: 0,
    notificationsDropped: 0,
    observersLost: 0,
    challenges: 0,
    peersForgotten: 0,
    peersRefused: 0,
    transfersDropped: 0,
    /** Handlers that threw: our own bugs; the peer got 5.00. */
    handlerErrors: 0,
  }
}
export type EndpointCounters = ReturnType<typeof endpointCounters>

/** What a resource answers. */
export interface CoapResponse {
  /** A response code, see `CODE`. */
  code: number
  payload?: Uint8Array
  contentFormat?: number | undefined
  /** Seconds. */
  maxAge?: number | undefined
  etag?: Uint8Array | undefined
  /** Further options, in any order. */
  options?: readonly CoapOption[]
}

/** A response as it came, its body complete. */
export interface ReceivedResponse {
  readonly code: number
  readonly payload: Uint8Array
  readonly options: readonly CoapOption[]
  readonly contentFormat: number | undefined
  readonly observe: number | undefined
}

/** One notification to an observer. */
export interface Notification extends CoapResponse {
  /** Send it Confirmable. Others are too, now and then (`EndpointLimits.confirmEvery`). */
  confirmable: boolean
  /** Told once: true when the peer acknowledged it (Confirmable) or it left (Non-confirmable), false when it was dropped. */
  settled?: (delivered: boolean) => void
}

/** Why an observation ended. `replaced`: the client registered anew with the same token. */
export type ObservationEnd = 'cancelled' | 'reset' | 'timed-out' | 'replaced' | 'ended' | 'stopped'
