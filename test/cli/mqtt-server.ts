/** A server of a few lines, made of somebody else's codec, that records what a client says. */
import { createServer, type Socket } from 'node:net'
import mqtt, { type IConnectPacket, type IPublishPacket, type Packet } from 'mqtt-packet'

export interface MqttServer {
  port: number
  connects: IConnectPacket[]
  published: IPublishPacket[]
  subscribed: string[]
  /** Reason codes by topic with which publishes are refused. */
  refusals: Map<string, number>
  /** What is sent after each SUBACK. */
  messages: Omit<IPublishPacket, 'cmd' | 'dup'>[]
  /** Packets that came, by name. */
  seen: string[]
  /** Ends all connections without a word. */
  drop(): void
  close(): Promise<void>
}

export async function mqttServer(): Promise<MqttServer> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    serve(socket, state)
  })
  const state: MqttServer = {
    port: 0,
    connects: [],
    published: [],
    subscribed: [],
    refusals: new Map(),
    messages: [],
    seen: [],
    drop() {
      for (const socket of sockets) socket.destroy()
    },
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      state.drop()
      await closed
    },
  }
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  state.port = (server.address() as { port: number }).port
  return state
}

function serve(socket: Socket, state: MqttServer): void {
  let protocolVersion: 4 | 5 = 5
  const parser = mqtt.parser()
  const send = (packet: Packet) => void socket.write(mqtt.generate(packet, { protocolVersion }))
  parser.on('packet', packet => {
    state.seen.push(packet.cmd)
    switch (packet.cmd) {
      case 'connect':
        protocolVersion = packet.protocolVersion === 5 ? 5 : 4
        state.connects.push(packet)
        send({
          cmd: 'connack',
          sessionPresent: false,
          ...(protocolVersion === 5 ? { reasonCode: 0, properties: { receiveMaximum: 10 } } : { returnCode: 0 }),
        })
        break
      case 'publish':
        answerPublish(packet, state, send)
        break
      case 'pubrel':
        send({ cmd: 'pubcomp', messageId: packet.messageId as number, reasonCode: 0 })
        break
      case 'subscribe':
        state.subscribed.push(...packet.subscriptions.map(each => each.topic))
        send({ cmd: 'suback', messageId: packet.messageId as number, granted: packet.subscriptions.map(each => each.qos) })
        for (const message of state.messages) send({ cmd: 'publish', dup: false, ...message } as IPublishPacket)
    }
  })
  socket.on('data', chunk => parser.parse(chunk))
}

function answerPublish(packet: IPublishPacket, state: MqttServer, send: (packet: Packet) => void): void {
  const reasonCode = state.refusals.get(packet.topic) ?? 0
  if (reasonCode === 0) state.published.push(packet)
  const messageId = packet.messageId as number
  if (packet.qos === 1) send({ cmd: 'puback', messageId, reasonCode })
  if (packet.qos === 2) send({ cmd: 'pubrec', messageId, reasonCode })
}
