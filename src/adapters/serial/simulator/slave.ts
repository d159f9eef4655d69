import { encodeBinary } from '#codecs/framing/index.ts'
import {
  answerRequest,
  decodeAscii,
  decodeRequest,
  decodeRtu,
  encodeAscii,
  encodeRtu,
  type ModbusMemory,
  type ModbusTable,
  RTU_BYTES_MAX,
} from '#codecs/modbus/index.ts'
import type { SpeechConfig } from '../config-keys.ts'
import { type PlannedPoint, plannedPoint } from '../modbus/plan.ts'
import { binaryTypeOf } from '../parsers.ts'
import type { Profile } from '../profile/schema.ts'
import { vectorBytes } from '../profile/vectors.ts'
import { unscaled } from '../value.ts'
import type { MovingValues } from './values.ts'

/** Silence after which what has come of a request is none, ms. */
export const REQUEST_IDLE_MS = 30

/** A simulated Modbus unit: its registers hold what the profile's vectors show, and values move. It answers at any address. */
export class ModbusSlave implements ModbusMemory {
  readonly #speech: SpeechConfig
  readonly #values: MovingValues
  readonly #points: readonly PlannedPoint[]
  readonly #registers = new Map<string, number>()
  readonly #send: (bytes: Uint8Array) => void
  #bytes: Uint8Array = new Uint8Array(0)

  constructor(profile: Profile, speech: SpeechConfig, values: MovingValues, send: (bytes: Uint8Array) => void) {
    this.#speech = speech
    this.#values = values
    this.#send = send
    this.#points = Object.entries(speech.points).map(([name, point]) => plannedPoint(name, point))
    for (const { table, address, count } of this.#points) for (let i = 0; i < count; i++) this.#set(table, address + i, 0)
    for (const vector of profile.vectors) this.#learn(vector)
  }

  read(table: ModbusTable, address: number): number | undefined {
    const own = this.#registers.get(`${table}/${address}`)
    if (own !== undefined) return own
    // Between its registers a device has others that nobody asks for.
    const same = this.#points.filter(point => point.table === table)
    return same.some(point => point.address < address) && same.some(point => point.address > address) ? 0 : undefined
  }

  write(table: 'coil' | 'holding', address: number, value: number): boolean {
    if (!this.#registers.has(`${table}/${address}`)) return false
    this.#set(table, address, value)
    return true
  }

  /** Bytes from the master. */
  push(bytes: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]).subarray(-2 * RTU_BYTES_MAX - 8)
    const ascii = this.#speech.framing === 'modbus-ascii'
    if (ascii ? this.#bytes.at(-1) === 0x0a : this.#bytes.length >= 4) this.#answer(ascii)
  }

  idle(): void {
    this.#bytes = new Uint8Array(0)
  }

  #answer(ascii: boolean): void {
    let adu: { unit: number; pdu: Uint8Array }
    try {
      adu = ascii ? decodeAscii(this.#bytes.subarray(Math.max(0, this.#bytes.indexOf(0x3a)))) : decodeRtu(this.#bytes)
    } catch {
      // Not whole yet, or noise, which silence ends.
      return
    }
    this.#bytes = new Uint8Array(0)
    this.#move()
    const pdu = answerRequest(this, adu.pdu)
    if (adu.unit !== 0) this.#send(ascii ? encodeAscii({ unit: adu.unit, pdu }) : encodeRtu({ unit: adu.unit, pdu }))
  }

  #move(): void {
    for (const point of this.#points) {
      const value = this.#values.at(point.name)
      if (value === undefined) continue
      const { config } = point
      if (point.table === 'coil' || point.table === 'discrete') {
        this.#set(point.table, point.address, value >= 0.5 ? 1 : 0)
        continue
      }
      const raw = unscaled(config, value) ?? 0
      const type = binaryTypeOf(config)
      const bytes = Buffer.from(
        encodeBinary(type, config.byte_order ?? this.#speech.byte_order, /^float/.test(type) ? raw : Math.round(raw), config.length),
      )
      for (let i = 0; i < point.count; i++) this.#set(point.table, point.address + i, bytes.readUInt16BE(i * 2))
    }
  }

  #learn(vector: Profile['vectors'][number]): void {
    const decode = this.#speech.framing === 'modbus-ascii' ? decodeAscii : decodeRtu
    const sent = vectorBytes(vector, 'request', this.#speech.encoding)
    const came = vectorBytes(vector, 'response', this.#speech.encoding)
    if (sent === undefined || came === undefined) return
    const request = decodeRequest(decode(sent).pdu)
    const content = Buffer.from(decode(came).pdu.subarray(2))
    if (request.kind !== 'read-registers' && request.kind !== 'read-bits') return
    for (let i = 0; i < request.count; i++) {
      const value = request.kind === 'read-bits' ? (content[i >> 3]! >> (i & 7)) & 1 : content.readUInt16BE(i * 2)
      this.#set(request.table, request.address + i, value)
    }
  }

  #set(table: ModbusTable, address: number, value: number): void {
    this.#registers.set(`${table}/${address}`, value)
  }
}
