/** Takes deliveries, checks each of them and acknowledges as its quality of service demands. */

import { PAYLOAD_HEADER_BYTES } from '../job.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import type { Histogram } from './histogram.ts'
import type { Ledger } from './ledger.ts'
import type { Network } from './network.ts'
import { MAGIC, PUBLISH, PUBREL } from './packets.ts'

/** What all subscribers of a run write to. */
export interface Receipts {
  ledger: Ledger
  latency: Histogram
  /** When the first and the last delivery came, in milliseconds of the monotonic clock. */
  firstAtMs: number
  lastAtMs: number
}

export class Subscriber extends Connection {
  readonly #index: number
  readonly #receipts: Receipts

  constructor(network: Network, options: ConnectionOptions, index: number, receipts: Receipts) {
    super(network, options)
    this.#index = index
    this.#receipts = receipts
  }

  override packet(header: number, bytes: Uint8Array, view: DataView, start: number, end: number): void {
    const type = header >> 4
    if (type === PUBLISH) this.#publish(header, view, start, end)
    else if (type === PUBREL) this.reply(0x70, view.getUint16(start))
    else super.packet(header, bytes, view, start, end)
  }

  #publish(header: number, view: DataView, start: number, end: number): void {
    const qos = (header >> 1) & 3
    let payload = start + 2 + view.getUint16(start)
    if (qos > 0) {
      if (payload + 2 > end) throw new Error('the server sent a malformed PUBLISH')
      this.reply(qos === 1 ? 0x40 : 0x50, view.getUint16(payload))
      payload += 2
    }
    const { ledger, latency } = this.#receipts
    if (payload + PAYLOAD_HEADER_BYTES > end || view.getUint32(payload) !== MAGIC) {
      ledger.foreign++
      return
    }
    if (!ledger.deliver(this.#index, view.getUint32(payload + 4), view.getUint32(payload + 8))) return
    const nowMs = this.network.readAtMs
    latency.add(nowMs - view.getFloat64(payload + 12))
    if (this.#receipts.firstAtMs === 0) this.#receipts.firstAtMs = nowMs
    this.#receipts.lastAtMs = nowMs
  }
}
