import { createSocket, type Socket } from 'node:dgram'
import { type CoapMessage, decodeMessage, encodeAck, encodeMessage, METHOD, NO_BYTES, pathOptions, TYPE } from '#codecs/coap/index.ts'
import { Pace } from './pace.ts'

/** Shorter than the 2 s of RFC 7252 §4.8, so that an outage of a second is survived in a second. */
const ACK_TIMEOUT_MS = 250
/** An answer that was promised by an empty acknowledgement may have died with the gateway: then everything begins anew. */
const ANSWER_TIMEOUT_MS = 3000
const TRANSMISSIONS_MAX = 8
const CHANGED = 0x44

/** A sensor that PUTs its numbers, confirmable, one after the other (NSTART 1), each until it is answered by 2.04. */
export class CoapPublisher {
  readonly faults: string[] = []
  next = 0
  acknowledged = 0
  readonly #path: string
  readonly #socket: Socket
  #open = false
  #pace: Pace | undefined
  #messageId = 1
  #token = NO_BYTES
  #busy = false
  #promised = false
  #transmissions = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: { port: number; path: string }) {
    this.#path = options.path
    const socket = createSocket('udp4')
    this.#socket = socket
    // While no gateway runs the kernel reports a closed port.
    socket.on('error', () => {})
    socket.on('message', bytes => this.#take(bytes))
    socket.connect(options.port, '127.0.0.1', () => (this.#open = true))
  }

  get inFlight(): number {
    return this.#busy ? 1 : 0
  }

  flow(perSecond: number): void {
    this.#pace = new Pace(perSecond, () => {
      if (this.#open && !this.#busy) this.#begin()
    })
  }

  halt(): void {
    this.#pace?.stop()
  }

  close(): void {
    this.halt()
    clearTimeout(this.#timer)
    this.#socket.close()
  }

  #begin(): void {
    this.#busy = true
    this.#promised = false
    this.#transmissions = 0
    this.#messageId = (this.#messageId + 1) & 0xffff
    this.#token = Buffer.from([this.next >>> 16, this.next >>> 8, this.next, this.#messageId])
    this.#transmit()
  }

  #transmit(): void {
    if (this.#transmissions >= TRANSMISSIONS_MAX) return this.#begin()
    this.#transmissions++
    const message: CoapMessage = {
      type: TYPE.CON,
      code: METHOD.PUT,
      messageId: this.#messageId,
      token: this.#token,
      options: pathOptions(this.#path.split('/')),
      payload: Buffer.from(String(this.next)),
    }
    this.#socket.send(encodeMessage(message), () => {})
    this.#timer = setTimeout(() => this.#transmit(), ACK_TIMEOUT_MS)
  }

  #take(bytes: Uint8Array): void {
    const decoded = decodeMessage(bytes)
    if (decoded.outcome !== 'message') return void this.faults.push('an answer that cannot be read')
    const { type, code, messageId, token } = decoded.message
    if (code === 0) {
      if (this.#busy && messageId === this.#messageId) this.#emptied(type === TYPE.RST)
      return
    }
    if (type === TYPE.CON) this.#socket.send(encodeAck(messageId), () => {})
    if (!this.#busy || !Buffer.from(token).equals(Buffer.from(this.#token))) return
    clearTimeout(this.#timer)
    if (code !== CHANGED) {
      // 5.03 while the store is behind: later again.
      this.#timer = setTimeout(() => this.#begin(), ACK_TIMEOUT_MS)
      return
    }
    this.#busy = false
    this.acknowledged++
    this.next++
  }

  #emptied(reset: boolean): void {
    if (this.#promised) return
    clearTimeout(this.#timer)
    this.#promised = true
    this.#timer = setTimeout(() => this.#begin(), reset ? ACK_TIMEOUT_MS : ANSWER_TIMEOUT_MS)
  }
}
