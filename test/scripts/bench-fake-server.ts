/**
 * A tiny MQTT 3.1.1 server for the tests of the benchmark: it forwards, keeps the sessions of persistent clients in memory, and
 * loses, repeats or swaps what it is told to. Codec: mqtt-packet. As a program: `node bench-fake-server.ts PORT [PID-FILE]`.
 */
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import mqtt from 'mqtt-packet'

/**
 * What happens to one delivery. `swap`: it comes after the one that follows. `invent`: two messages that nobody sent follow it.
 * `ignore`: the message is neither delivered nor acknowledged.
 */
export type Fault = 'drop' | 'duplicate' | 'swap' | 'invent' | 'ignore'

/** Where the sequence number lies in a payload of the benchmark. */
const SEQUENCE_AT = 8

interface Session {
  id: string
  persistent: boolean
  filters: Map<string, number>
  socket: Socket | undefined
  queue: mqtt.IPublishPacket[]
  held: mqtt.IPublishPacket | undefined
  nextId: number
}

export interface FakeServer {
  port: number
  /** Packets of a kind that have been received. */
  received: Map<string, number>
  close(): Promise<void>
}

export async function startFakeServer(fault: (sequence: number) => Fault | undefined = () => undefined, port = 0): Promise<FakeServer> {
  const sessions = new Map<string, Session>()
  const retained = new Map<string, mqtt.IPublishPacket>()
  const received = new Map<string, number>()
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    let session: Session | undefined
    const parser = mqtt.parser()
    const send = (packet: mqtt.Packet) => void (socket.destroyed || socket.write(mqtt.generate(packet)))
    sockets.add(socket)
    socket.on('close', () => {
      sockets.delete(socket)
      if (session?.socket !== socket) return
      session.socket = undefined
      if (!session.persistent) sessions.delete(session.id)
    })
    socket.on('error', () => {})
    socket.on('data', chunk => parser.parse(chunk))
    parser.on('packet', packet => {
      received.set(packet.cmd, (received.get(packet.cmd) ?? 0) + 1)
      switch (packet.cmd) {
        case 'connect': {
          const known = sessions.get(packet.clientId)
          session = known ?? {
            id: packet.clientId,
            persistent: !packet.clean,
            filters: new Map(),
            socket,
            queue: [],
            held: undefined,
            nextId: 1,
          }
          session.socket = socket
          sessions.set(packet.clientId, session)
          send({ cmd: 'connack', returnCode: 0, sessionPresent: known !== undefined })
          for (const message of session.queue.splice(0)) forward(session, message)
          break
        }
        case 'subscribe':
          for (const { topic, qos } of packet.subscriptions) session!.filters.set(topic, qos)
          send({ cmd: 'suback', messageId: packet.messageId!, granted: packet.subscriptions.map(({ qos }) => qos) })
          for (const message of retained.values()) offer(session!, { ...message, retain: true }, fault)
          break
        case 'publish':
          if (fault((packet.payload as Buffer).readUInt32BE(SEQUENCE_AT)) === 'ignore') break
          if (packet.retain) retained.set(packet.topic, packet)
          for (const each of sessions.values()) offer(each, { ...packet, retain: false }, fault)
          if (packet.qos === 1) send({ cmd: 'puback', messageId: packet.messageId! })
          if (packet.qos === 2) send({ cmd: 'pubrec', messageId: packet.messageId! })
          break
        case 'pubrec':
          send({ cmd: 'pubrel', messageId: packet.messageId! })
          break
        case 'pubrel':
          send({ cmd: 'pubcomp', messageId: packet.messageId! })
          break
        case 'disconnect':
          socket.end()
      }
    })
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    received,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

function offer(session: Session, message: mqtt.IPublishPacket, fault: (sequence: number) => Fault | undefined): void {
  const granted = [...session.filters].find(([filter]) => matches(filter, message.topic))?.[1]
  if (granted === undefined) return
  const copy: mqtt.IPublishPacket = { ...message, qos: Math.min(granted, message.qos) as mqtt.QoS, dup: false }
  const payload = message.payload as Buffer
  const kind = fault(payload.readUInt32BE(SEQUENCE_AT))
  if (kind === 'drop') return
  if (kind === 'swap') {
    session.held = copy
    return
  }
  forward(session, copy)
  if (kind === 'duplicate') forward(session, copy)
  if (kind === 'invent') {
    const invented = Buffer.from(payload)
    invented.writeUInt32BE(0x7fff_ffff, SEQUENCE_AT)
    forward(session, { ...copy, payload: invented })
    forward(session, { ...copy, payload: 'not ours' })
  }
  if (session.held === undefined) return
  const { held } = session
  session.held = undefined
  forward(session, held)
}

function forward(session: Session, message: mqtt.IPublishPacket): void {
  if (session.socket === undefined) session.queue.push(message)
  else
    session.socket.write(
      mqtt.generate(message.qos === 0 ? message : { ...message, messageId: (session.nextId = (session.nextId % 0xffff) + 1) }),
    )
}

function matches(filter: string, topic: string): boolean {
  const pattern = filter.replaceAll('+', '[^/]+').replace('/#', '(/.*)?')
  return new RegExp(`^${pattern}$`).test(topic)
}

if (import.meta.main) {
  const [port, pidFile] = process.argv.slice(2)
  if (pidFile !== undefined) writeFileSync(pidFile, String(process.pid))
  await startFakeServer(undefined, Number(port))
}
