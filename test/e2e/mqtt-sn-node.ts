/** An MQTT-SN node for tests of the built program. */
import { createSocket } from 'node:dgram'
import { systemClock } from '#base/system-clock.ts'
import { SnClient, type SnMessage } from '#clients/mqtt-sn/index.ts'
import { decodePacket, type SnPacketType } from '#codecs/mqtt-sn/index.ts'

export interface E2eNode {
  readonly client: SnClient
  /** Payloads that came, in order. */
  readonly messages: Uint8Array[]
  /** Types of the packets that came, in order. */
  readonly came: SnPacketType[]
  close(): void
}

/** A node towards the gateway on a port of this machine; `host` 127.0.0.1 or ::1. */
export function openNode(
  t: { teardown(run: () => void): unknown },
  host: string,
  port: number,
  clientId: string,
  cleanSession = true,
): E2eNode {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  const messages: Uint8Array[] = []
  const came: SnPacketType[] = []
  const client = new SnClient({
    clientId,
    cleanSession,
    keepAliveSeconds: 60,
    clock: systemClock(),
    // What a gateway that is being started again does not hear is sent again soon.
    retryIntervalMs: 1000,
    retries: 30,
    send: bytes => socket.send(bytes, port, host, () => {}),
    onMessage: (message: SnMessage) => messages.push(message.payload),
    onDisconnect: () => {},
  })
  socket.on('message', bytes => {
    came.push(decodePacket(bytes).type)
    client.receive(bytes)
  })
  socket.on('error', () => {})
  const close = () => {
    client.close()
    socket.close()
  }
  let closed = false
  const once = () => {
    if (!closed) close()
    closed = true
  }
  t.teardown(once)
  return { client, messages, came, close: once }
}
