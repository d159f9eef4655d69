/** Publishing and receiving as fast as a gateway takes it, by bytes rather than by objects. */
import { connect, type Socket } from 'node:net'
import { encodePacket, frameLength, PublishScan, type Subscription, scanPublish } from '#codecs/mqtt/index.ts'

const VERSION = 4
const CONNACK = 0x20
const SUBACK = 0x90
const PUBACK = 0x40
const PACKET_IDS = 60_000
/** Publishes on their way at a time. */
const WINDOW = 4000
const AT_ONCE = 500

/** The payload of message `n`: its number in the first four bytes, then what shows bytes that went astray. */
export function payloadOf(n: number, bytes: number): Buffer {
  const payload = Buffer.alloc(bytes, n & 0xff)
  payload.writeUInt32BE(n, 0)
  return payload
}

/** Connects, and subscribes if told to. Resolves with the answered connection and whether there was a session. */
export async function open(
  port: number,
  clientId: string,
  options: { cleanStart: boolean; filter?: string },
): Promise<{ socket: Socket; sessionPresent: boolean; rest: Buffer }> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  socket.write(encodePacket({ type: 'connect', protocolVersion: VERSION, clientId, keepAlive: 0, cleanStart: options.cleanStart }, VERSION))
  const subscription: Subscription = { filter: options.filter ?? '', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }
  if (options.filter !== undefined) socket.write(encodePacket({ type: 'subscribe', packetId: 1, subscriptions: [subscription] }, VERSION))
  let bytes: Buffer = Buffer.alloc(0)
  const wanted = options.filter === undefined ? 4 : 9
  return await new Promise((resolve, reject) => {
    socket.on('error', reject)
    const take = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.length < wanted) return
      socket.off('data', take)
      socket.pause()
      const accepted = bytes[0] === CONNACK && bytes[3] === 0 && (wanted === 4 || (bytes[4] === SUBACK && bytes[8] === 1))
      if (accepted) resolve({ socket, sessionPresent: bytes[2] === 1, rest: bytes.subarray(wanted) })
      else reject(new Error(`the gateway answered ${bytes.toString('hex')}`))
    }
    socket.on('data', take)
  })
}

export interface Publishing {
  port: number
  clientId: string
  topic: string
  first: number
  count: number
  payloadBytes: number
  /** Called now and then with the number that were acknowledged so far. */
  progress?: (acknowledged: number) => void
}

/** Publishes numbered messages at QoS 1; resolves in the turn in which the last PUBACK came. Rejects if one is out of order. */
export async function publishAll({ port, clientId, topic, first, count, payloadBytes, progress }: Publishing): Promise<void> {
  const { socket } = await open(port, clientId, { cleanStart: true })
  let sent = 0
  let acknowledged = 0
  const send = () => {
    while (sent < count && sent - acknowledged <= WINDOW - AT_ONCE) {
      const frames: Uint8Array[] = []
      for (let i = 0; i < AT_ONCE && sent < count; i++, sent++) {
        const packetId = (sent % PACKET_IDS) + 1
        const payload = payloadOf(first + sent, payloadBytes)
        frames.push(encodePacket({ type: 'publish', topic, payload, qos: 1, retain: false, dup: false, packetId }, VERSION))
      }
      socket.write(Buffer.concat(frames))
    }
  }
  await new Promise<void>((resolve, reject) => {
    let rest: Buffer = Buffer.alloc(0)
    socket.on('close', () => reject(new Error(`the connection ended after ${acknowledged} acknowledgements`)))
    socket.on('data', chunk => {
      const bytes = Buffer.concat([rest, chunk as Buffer])
      let start = 0
      for (; start + 4 <= bytes.length; start += 4) {
        if (bytes[start] !== PUBACK || bytes.readUInt16BE(start + 2) !== (acknowledged % PACKET_IDS) + 1) {
          reject(new Error(`${bytes.subarray(start, start + 4).toString('hex')} instead of PUBACK ${acknowledged + 1}`))
          socket.destroy()
          return
        }
        acknowledged++
      }
      rest = bytes.subarray(start)
      progress?.(acknowledged)
      if (acknowledged === count) {
        resolve()
        socket.destroy()
      } else send()
    })
    send()
    socket.resume()
  })
}

export interface Receiving {
  port: number
  clientId: string
  first: number
  count: number
  payloadBytes: number
  progress?: (received: number) => void
}

/**
 * Takes the queue of an existing session and acknowledges it. Resolves when `count` messages came in order, each
 * whole; rejects at the first that is not the next one.
 */
export async function receiveAll({ port, clientId, first, count, payloadBytes, progress }: Receiving): Promise<void> {
  const { socket, sessionPresent, rest: early } = await open(port, clientId, { cleanStart: false })
  if (!sessionPresent) throw new Error('the gateway has no session')
  const scan = new PublishScan()
  let rest = early
  let received = 0
  const fault = (bytes: Buffer): string | undefined => {
    const n = first + received
    if (scan.qos !== 1) return `message ${n} came at QoS ${scan.qos}`
    if (!bytes.subarray(scan.payloadStart, scan.payloadEnd).equals(payloadOf(n, payloadBytes))) {
      return `${bytes.readUInt32BE(scan.payloadStart)} (${scan.payloadEnd - scan.payloadStart} bytes) came instead of ${n}`
    }
    return undefined
  }
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const answers: number[] = []
      let start = 0
      for (;;) {
        const length = frameLength(bytes, start, bytes.length)
        if (length === 0 || start + length > bytes.length) break
        scanPublish(bytes, start, start + length, VERSION, scan)
        const wrong = fault(bytes)
        if (wrong !== undefined) {
          reject(new Error(wrong))
          return void socket.destroy()
        }
        received++
        answers.push(PUBACK, 2, scan.packetId >>> 8, scan.packetId & 0xff)
        start += length
      }
      rest = bytes.subarray(start)
      if (answers.length > 0) socket.write(Buffer.from(answers))
      progress?.(received)
      if (received >= count) {
        resolve()
        socket.end(encodePacket({ type: 'disconnect', reasonCode: 0 }, VERSION))
      }
    }
    socket.on('close', () => reject(new Error(`the connection ended after ${received} messages`)))
    socket.on('data', take)
    if (early.length > 0) {
      rest = Buffer.alloc(0)
      take(early)
    }
    socket.resume()
  })
}
