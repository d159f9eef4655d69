/** TLS to a server, on a socket of its own or on one that a proxy has connected. */
import { readFileSync } from 'node:fs'
import { isIP, type Socket } from 'node:net'
import { type ConnectionOptions, checkServerIdentity, connect } from 'node:tls'
import { GatewayError, systemCode } from '#base/errors.ts'
import { isWebSocket } from '../endpoint.ts'
import type { Target, TlsFiles } from '../stream.ts'

/** With a pre-shared key no others make sense; those of small servers are among them. */
const PSK_CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-PSK-CHACHA20-POLY1305',
  'DHE-PSK-AES128-GCM-SHA256',
  'PSK-AES128-GCM-SHA256',
  'PSK-AES256-GCM-SHA384',
  'PSK-AES128-CCM',
  'PSK-AES128-CCM8',
  'ECDHE-PSK-AES128-CBC-SHA256',
  'PSK-AES128-CBC-SHA256',
  'PSK-AES128-CBC-SHA',
].join(':')

/** Begins the handshake. `on`: host and port to connect to, or a socket. @throws GatewayError `config-unreadable`, and what OpenSSL says of the files */
export function connectTls({ endpoint, tls = {}, alpn }: Target, on: ConnectionOptions | { socket: Socket }): Socket {
  const options: ConnectionOptions = { ...on, rejectUnauthorized: tls.insecure !== true, ...readPems(tls) }
  const servername = tls.servername ?? endpoint.host
  // [RFC 6066 §3] SNI is for names; an address is checked against the certificate all the same.
  if (isIP(servername) === 0) options.servername = servername
  options.checkServerIdentity = (_host, certificate) => checkServerIdentity(servername, certificate)
  if (alpn !== undefined && alpn.length > 0) options.ALPNProtocols = [...alpn]
  else if (isWebSocket(endpoint)) options.ALPNProtocols = ['http/1.1']
  const { psk } = tls
  if (psk !== undefined) {
    options.pskCallback = () => ({ psk: psk.key, identity: psk.identity })
    options.ciphers = PSK_CIPHERS
    // Called when the key was not used: a server without it may show a certificate instead, which proves nothing here.
    options.checkServerIdentity = (_host, certificate) => (certificate.raw === undefined ? undefined : new KeyNotUsed())
  }
  return connect(options)
}

class KeyNotUsed extends Error {
  readonly code = 'TIDEGATE_PSK_NOT_USED'
}

function readPems(tls: TlsFiles): ConnectionOptions {
  const options: ConnectionOptions = {}
  if (tls.ca !== undefined) options.ca = readPem('tls.ca', tls.ca)
  if (tls.cert !== undefined) options.cert = readPem('tls.cert', tls.cert)
  if (tls.key !== undefined) options.key = readPem('tls.key', tls.key)
  if (tls.keyPassword !== undefined) options.passphrase = tls.keyPassword
  return options
}

function readPem(key: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    const why = systemCode(cause) === 'ENOENT' ? 'does not exist' : systemCode(cause) === 'EACCES' ? 'may not be read' : 'cannot be read'
    throw new GatewayError('config-unreadable', `${key}: the file ${file} ${why}`, { cause, hint: 'look at its path, owner and mode' })
  }
}
