/** The admin interface: HTTP over the control socket, and over TCP for probes and metrics. */
import type { Server } from 'node:http'
import type { Clock } from '#base/clock.ts'
import type { Logger } from '#base/logger.ts'
import type { GatewayControl } from './ports.ts'
import { Router } from './router.ts'
import { routes } from './routes.ts'
import { createHttpServer, listenOnTcp } from './server.ts'
import { listenAtPath } from './unix-socket.ts'

export { type ControlAnswer, type ControlClient, openControl } from './client.ts'
export type * from './ports.ts'
export { SysPublisher } from './sys/publisher.ts'

/** Name of the control socket in the data directory. */
export const CONTROL_SOCKET = 'tidegate.sock'

export interface AdminOptions {
  control: GatewayControl
  clock: Clock
  logger: Logger
  /** Path of the control socket, of any length. */
  socketPath: string
  /** Where probes and metrics are served; undefined: nowhere. Must be loopback. */
  tcp: { host: string; port: number } | undefined
}

export interface Admin {
  readonly socketPath: string
  /** The real port, undefined without TCP. */
  readonly tcpPort: number | undefined
  /** Stops listening, lets answers under way finish for a moment, removes the socket file. */
  close(): Promise<void>
}

/** How long answers under way may take once the interface closes. */
const CLOSE_GRACE_MS = 500

/**
 * Opens the admin interface on the control socket and, if wanted, on TCP.
 * @throws GatewayError `address-in-use`, `listen-failed`; nothing is left open then
 */
export async function openAdmin(options: AdminOptions): Promise<Admin> {
  const { control, clock, logger, socketPath, tcp } = options
  const router = new Router(routes)
  const local = createHttpServer({ router, control, rights: 'full', logger })
  const remove = await listenAtPath(local, socketPath)
  if (tcp === undefined) return adminOf(clock, socketPath, undefined, [local], remove)
  const open = createHttpServer({ router, control, rights: 'open', logger })
  try {
    const tcpPort = await listenOnTcp(open, tcp.host, tcp.port)
    return adminOf(clock, socketPath, tcpPort, [local, open], remove)
  } catch (error) {
    await closeServer(local, clock)
    remove()
    throw error
  }
}

function adminOf(clock: Clock, socketPath: string, tcpPort: number | undefined, servers: Server[], remove: () => void): Admin {
  let closed: Promise<void> | undefined
  async function close(): Promise<void> {
    remove()
    await Promise.all(servers.map(server => closeServer(server, clock)))
  }
  return { socketPath, tcpPort, close: () => (closed ??= close()) }
}

function closeServer(server: Server, clock: Clock): Promise<void> {
  return new Promise(resolve => {
    const timer = clock.setTimer(CLOSE_GRACE_MS, () => server.closeAllConnections())
    server.close(() => {
      clock.clearTimer(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
