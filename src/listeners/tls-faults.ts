/** What OpenSSL says of a handshake that failed, as one of the reasons that are counted. */

import { systemCode } from '#base/errors.ts'
import type { OpeningFault } from './opening-faults.ts'

/** By parts of OpenSSL's error codes; the first that fits. Alerts are the client's own words. */
const HANDSHAKE_FAULTS: readonly [RegExp, OpeningFault][] = [
  [/PSK_IDENTITY_NOT_FOUND/, 'tls-psk-unknown'],
  [/BINDER_DOES_NOT_VERIFY/, 'tls-psk-wrong'],
  [/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERTIFICATE|NO_CERTIFICATE)/, 'tls-own-certificate-refused'],
  [/UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION|VERSION_TOO_LOW|NO_PROTOCOLS_AVAILABLE/, 'tls-no-common-version'],
  [
    /NO_SHARED_CIPHER|NO_SUITABLE_SIGNATURE_ALGORITHM|NO_SUITABLE_KEY_SHARE|NO_SHARED_GROUP|ALERT_HANDSHAKE_FAILURE/,
    'tls-no-common-cipher',
  ],
  [/WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY_REQUEST/, 'tls-not-spoken'],
]

/** `claim`: whether the client has named a PSK identity that is known or unknown. Returns undefined when it simply went away. */
export function handshakeFault(error: unknown, claim: 'known' | 'unknown' | undefined): OpeningFault | undefined {
  const code = systemCode(error) ?? ''
  if (['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED'].includes(code)) return undefined
  // Without its key OpenSSL looks for a certificate, and complains that there is none.
  if (claim === 'unknown' && /NO_SUITABLE_SIGNATURE_ALGORITHM|NO_SHARED_CIPHER/.test(code)) return 'tls-psk-unknown'
  const found = HANDSHAKE_FAULTS.find(([pattern]) => pattern.test(code))
  if (found !== undefined) return found[1]
  // A wrong key shows in the first message that is encrypted with it.
  if (claim === 'known' && /BAD_RECORD_MAC|DIGEST_CHECK_FAILED|DECRYPT_ERROR|CIPHER_OPERATION_FAILED/.test(code)) return 'tls-psk-wrong'
  return 'tls-malformed'
}

/** `code` is what the verification of a client's certificate found (`X509_V_ERR_…` without its beginning). */
export function certificateFault(code: unknown): OpeningFault {
  switch (String(code)) {
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return 'tls-certificate-expired'
    case 'CERT_REVOKED':
      return 'tls-certificate-revoked'
    default:
      return 'tls-certificate-untrusted'
  }
}
