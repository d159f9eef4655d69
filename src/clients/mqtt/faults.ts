/** Why a connection could not be made or broke, in words for the person who installs the gateway. */
import { type ErrorCode, GatewayError, systemCode } from '#base/errors.ts'
import { type Endpoint, formatEndpoint } from './endpoint.ts'

interface Sentence {
  code: ErrorCode
  /** Completed by the server's name in front: `broker.example:8883 …`. */
  message: string
  hint?: string
  /** Waiting may help. Certificates and keys want a person, but attempts go on all the same. */
  retryable: boolean
}

const CHECK_CA = 'put the certificate of the authority that signed the server into tls.ca'
const CHECK_CLOCK = 'look at the clock of this machine and at the validity of the certificate'
const CHECK_CLIENT_CERTIFICATE = 'look at tls.cert and tls.key: has the upstream been told of this certificate?'

const SENTENCES: Readonly<Record<string, Sentence>> = {
  ENOTFOUND: fault('connect-failed', 'is not known to the name server', 'look for a typing error in the host name'),
  EAI_AGAIN: fault('connect-failed', 'cannot be looked up: no name server answers', 'is the network up, and is a name server configured?'),
  ECONNREFUSED: fault('connect-failed', 'refuses the connection: nothing listens there', 'look at the port, and whether the broker runs'),
  ETIMEDOUT: fault('timeout', 'does not answer', 'look at the address and at firewalls on the way'),
  EHOSTUNREACH: fault('connect-failed', 'cannot be reached: no route to the host', 'look at cable, Wi-Fi, modem and gateway address'),
  ENETUNREACH: fault('connect-failed', 'cannot be reached: the network is down', 'look at cable, Wi-Fi or modem'),
  ENETDOWN: fault('connect-failed', 'cannot be reached: the network is down', 'look at cable, Wi-Fi or modem'),
  EADDRNOTAVAIL: fault('connect-failed', 'cannot be reached: this machine has no address of that kind', 'try an IPv4 address'),
  EACCES: fault('connect-failed', 'cannot be reached: a local firewall forbids it'),
  EPERM: fault('connect-failed', 'cannot be reached: a local firewall forbids it'),
  ECONNRESET: fault('connection-lost', 'broke the connection off', 'does this port speak the protocol of the URL, mqtt or mqtts?'),
  EPIPE: fault('connection-lost', 'closed the connection'),
  ECONNABORTED: fault('connection-lost', 'closed the connection'),
  CERT_HAS_EXPIRED: wrong('shows a certificate that has expired', CHECK_CLOCK),
  CERT_NOT_YET_VALID: wrong('shows a certificate that is not valid yet', CHECK_CLOCK),
  DEPTH_ZERO_SELF_SIGNED_CERT: wrong('shows a certificate that it signed itself', CHECK_CA),
  SELF_SIGNED_CERT_IN_CHAIN: wrong('shows a certificate of an authority that is not trusted here', CHECK_CA),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: wrong('shows a certificate whose authority is not known here', CHECK_CA),
  UNABLE_TO_GET_ISSUER_CERT: wrong('shows a certificate whose authority is not known here', CHECK_CA),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: wrong('shows a certificate whose authority is not known here', CHECK_CA),
  CERT_SIGNATURE_FAILURE: wrong('shows a certificate with a signature that does not fit', CHECK_CA),
  CERT_REVOKED: wrong('shows a certificate that was revoked'),
  ERR_TLS_CERT_ALTNAME_INVALID: wrong(
    'shows a certificate for another host',
    'use the name that is in the certificate, or set tls.servername',
  ),
  ERR_SSL_WRONG_VERSION_NUMBER: fault('connect-failed', 'does not speak TLS on this port', 'use mqtt:// or the TLS port, often 8883'),
  ERR_SSL_PACKET_LENGTH_TOO_LONG: fault('connect-failed', 'does not speak TLS on this port', 'use mqtt:// or the TLS port, often 8883'),
  ERR_SSL_UNSUPPORTED_PROTOCOL: fault('connect-failed', 'speaks only versions of TLS that are no longer safe'),
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: fault('connect-failed', 'speaks only versions of TLS that are not offered here'),
  TIDEGATE_PSK_NOT_USED: wrong(
    'shows a certificate instead of using the pre-shared key',
    'look at tls.psk_identity: is the key known there?',
  ),
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: wrong(
    'was not asked: tls.key does not belong to tls.cert',
    'put the matching pair into tls.cert and tls.key',
  ),
  ERR_OSSL_PEM_NO_START_LINE: wrong('was not asked: a file of tls.cert, tls.key or tls.ca holds no PEM', 'convert it to PEM'),
}

function fault(code: ErrorCode, message: string, hint?: string): Sentence {
  return hint === undefined ? { code, message, retryable: true } : { code, message, hint, retryable: true }
}

function wrong(message: string, hint?: string): Sentence {
  return { ...fault('bad-credentials', message, hint), retryable: false }
}

/** The error for what the network or TLS said while connecting to `endpoint`, or afterwards (`opened`). */
export function connectionFault(endpoint: { host: string; port: number }, cause: unknown, opened = false): GatewayError {
  const code = innerCode(cause)
  const sentence = (code === undefined ? undefined : (SENTENCES[code] ?? tlsAlert(code))) ?? fault('connect-failed', plain(cause))
  const { retryable } = sentence
  // What to look at when it cannot be made is misleading once it has stood.
  const hint = opened && sentence.code !== 'bad-credentials' ? undefined : sentence.hint
  return new GatewayError(sentence.code, `${formatEndpoint(endpoint)} ${sentence.message}`, {
    cause,
    retryable,
    ...(hint === undefined ? {} : { hint }),
  })
}

/** The same for a server that was to use a pre-shared key: whatever is wrong with a certificate, it should not have shown one. */
export function pskFault(endpoint: Endpoint, cause: unknown, opened: boolean): GatewayError {
  const code = innerCode(cause)
  const aboutCertificate = code !== undefined && !code.startsWith('ERR_SSL_') && SENTENCES[code]?.code === 'bad-credentials'
  return connectionFault(
    endpoint,
    aboutCertificate ? Object.assign(new Error('', { cause }), { code: 'TIDEGATE_PSK_NOT_USED' }) : cause,
    opened,
  )
}

/** The error for a server that did not get as far as `stage` in time. */
export function timeoutFault(endpoint: Endpoint, stage: string, afterMs: number): GatewayError {
  const hint = 'look at the address and at firewalls on the way'
  return new GatewayError('timeout', `${formatEndpoint(endpoint)} did not ${stage} within ${afterMs / 1000} s`, { hint, retryable: true })
}

/** Alerts by which a TLS server refuses the client: `ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED` and their like. */
function tlsAlert(code: string): Sentence | undefined {
  if (/_ALERT_.*(PSK_IDENTITY|DECRYPT_ERROR|BAD_RECORD_MAC)/.test(code)) {
    return wrong('does not know this pre-shared key or its identity', 'look at tls.psk_identity and tls.psk_file')
  }
  if (/_ALERT_.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/.test(code)) {
    return wrong('does not accept the certificate of this gateway, or wants one', CHECK_CLIENT_CERTIFICATE)
  }
  if (/_ALERT_.*UNRECOGNIZED_NAME/.test(code)) return wrong('does not know the host name', 'set tls.servername')
  if (/_ALERT_.*NO_APPLICATION_PROTOCOL/.test(code)) return wrong('does not know the protocol in alpn', 'look at the key alpn')
  if (/_ALERT_HANDSHAKE_FAILURE/.test(code)) return wrong('shares no way of encryption with this gateway, or wants a client certificate')
  return /^ERR_(SSL|OSSL)_/.test(code) ? fault('connect-failed', `does not come to terms over TLS (${code})`) : undefined
}

/** Connecting to several addresses of one name fails with all their errors; the first one speaks for them. */
function innerCode(cause: unknown): string | undefined {
  if (cause instanceof AggregateError && cause.errors.length > 0) return systemCode(cause.errors[0]) ?? systemCode(cause)
  return systemCode(cause)
}

function plain(cause: unknown): string {
  return `cannot be reached: ${cause instanceof Error ? cause.message : String(cause)}`
}
