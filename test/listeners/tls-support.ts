/** Listeners with TLS on loopback, and clients that shake hands with them. */
import { once } from 'node:events'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import type { Clock } from '#base/clock.ts'
import { systemClock } from '#base/system-clock.ts'
import { openStreamListener, type StreamListenerConfig } from '#listeners/open.ts'
import type { TlsSettings } from '#listeners/tls-gate.ts'
import { Authority } from '../support/certificates.ts'
import { peer } from '../support/peers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { Acceptor, testOptions } from './support.ts'

/** An authority in a folder of the test's own; undefined when openssl is missing. */
export function authority(t: Test, name?: string): Authority | undefined {
  const openssl = peer(t, 'openssl')
  return openssl === undefined ? undefined : new Authority(openssl, temporaryFolder(t), name)
}

export const TLS_DEFAULTS: TlsSettings = { certificates: [], client_cert: 'none', identity: 'cn', min_version: '1.2', handshakes: 500 }

/** Real time, but timers come twenty times as soon: files are looked at every 100 ms. */
export function hastyClock(): Clock {
  const clock = systemClock()
  return { ...clock, setTimer: (delayMs, run) => clock.setTimer(delayMs / 20, run) }
}

export interface Opened {
  acceptor: Acceptor
  port: number
  listener: Awaited<ReturnType<typeof openStreamListener>>
  logger: ReturnType<typeof testOptions>['logger']
}

export async function openListener(
  t: Test,
  config: Omit<StreamListenerConfig, 'bind'>,
  options: Partial<Parameters<typeof openStreamListener>[1]> = {},
): Promise<Opened> {
  const acceptor = new Acceptor()
  const defaults = testOptions(acceptor)
  const bind = { host: '127.0.0.1', port: 0 }
  const listener = await openStreamListener({ bind, ...config }, { name: 'test', ...defaults, ...options })
  t.teardown(() => listener.close())
  return { acceptor, listener, logger: defaults.logger, port: listener.port }
}

export function openTls(
  t: Test,
  tls: Partial<TlsSettings>,
  options: Partial<Parameters<typeof openStreamListener>[1]> = {},
): Promise<Opened> {
  return openListener(t, { transport: 'tls', tls: { ...TLS_DEFAULTS, ...tls } }, options)
}

/** A client whose handshake is complete. */
export async function shakeHands(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ...options })
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  return socket
}

/** The code of the error with which a handshake, or the connection right behind it, ended. */
export function shakenOff(port: number, options: ConnectionOptions): Promise<string> {
  return new Promise(resolve => {
    let code = 'closed'
    connect({ host: '127.0.0.1', port, ...options })
      .on('error', (error: NodeJS.ErrnoException) => (code = error.code ?? error.message))
      .on('close', () => resolve(code))
      .resume()
  })
}
