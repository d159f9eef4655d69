/** Why connections did not come to the protocol behind their listener: counted by reason, and told now and then. */

import type { Clock } from '#base/clock.ts'
import type { Logger } from '#base/logger.ts'

/** What can go wrong between accepting a connection and handing it on, with what the log says of it. */
const SENTENCES = {
  'left-while-opening': 'a client went away before its connection was open',
  'proxy-untrusted': 'a connection to a listener for proxies came from somewhere else; proxy_protocol.trusted names them',
  'proxy-malformed': 'a proxy sent no proper PROXY protocol header',
  'proxy-timeout': 'a proxy sent no PROXY protocol header in time',
  'tls-timeout': 'a client did not complete its TLS handshake in time',
  'tls-crowded-out': 'a client whose TLS handshake took long was dropped because too many are in progress',
  'tls-not-spoken': 'a client speaks no TLS on a port for TLS',
  'tls-http': 'a client speaks HTTP without TLS on a port for TLS',
  'tls-malformed': 'a client broke the rules of TLS',
  'tls-no-common-version': 'a client offers only versions of TLS that are too old',
  'tls-no-common-cipher': 'a client has no TLS cipher in common with this listener',
  'tls-own-certificate-refused': 'a client does not trust the certificate of this listener',
  'tls-certificate-missing': 'a client showed no certificate',
  'tls-certificate-expired': 'a client showed a certificate that has expired or is not valid yet',
  'tls-certificate-revoked': 'a client showed a certificate that was revoked',
  'tls-certificate-untrusted': 'a client showed a certificate that tls.ca did not sign',
  'tls-psk-unknown': 'a client named a PSK identity that is not in tls.psk_file',
  'tls-psk-wrong': 'a client has another key than tls.psk_file for its PSK identity',
  'upgrade-refused': 'a request to a WebSocket listener was no proper WebSocket handshake',
  'upgrade-timeout': 'a client did not complete its WebSocket handshake in time',
  'websocket-malformed': 'a client broke the rules of WebSocket',
  'websocket-text': 'a client sent text over WebSocket; MQTT comes in binary frames',
  'websocket-frame-too-long': 'a client sent a WebSocket frame above websocket.max_frame',
  'stranger-tls': 'a client speaks TLS on a port without TLS',
  'stranger-http': 'a client speaks HTTP on a port for another protocol',
} as const

export type OpeningFault = keyof typeof SENTENCES

/** One line a reason in this time: whoever scans ports should not fill the log. */
const LOG_INTERVAL_MS = 60_000

/** Counts by reason. */
export class FaultBook {
  readonly counts: Partial<Record<OpeningFault, number>> = {}
  readonly #loggedAtMs = new Map<OpeningFault, number>()
  readonly #logger: Logger
  readonly #clock: Clock

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger
    this.#clock = clock
  }

  /** `peer` is the address; `detail` is what is known beyond the reason. */
  note(fault: OpeningFault, peer: string | undefined, detail?: string): void {
    const count = (this.counts[fault] ?? 0) + 1
    this.counts[fault] = count
    const nowMs = this.#clock.monotonic()
    const loggedAtMs = this.#loggedAtMs.get(fault)
    if (fault === 'left-while-opening' || (loggedAtMs !== undefined && nowMs - loggedAtMs < LOG_INTERVAL_MS)) return
    this.#loggedAtMs.set(fault, nowMs)
    this.#logger.warn(SENTENCES[fault], { peer, count, ...(detail !== undefined && { detail }) })
  }
}
