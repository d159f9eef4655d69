import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the range from which systems take the near ends of outgoing connections: such a port stays free between two uses. */
const LOWEST = 20_000
const HIGHEST = 32_000
const ATTEMPTS_MAX = 100

/** A port of 127.0.0.1 that nobody uses, for TCP and UDP, for programs that must find it again after a restart. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = randomInt(LOWEST, HIGHEST)
    if ((await isFreeTcp(port)) && (await isFreeUdp(port))) return port
  }
  throw new Error(`no free port in ${ATTEMPTS_MAX} attempts`)
}

async function isFreeTcp(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
    return true
  } catch {
    return false
  }
}

async function isFreeUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4')
  try {
    socket.bind(port, '127.0.0.1')
    await once(socket, 'listening')
    return true
  } catch {
    return false
  } finally {
    socket.close()
  }
}
