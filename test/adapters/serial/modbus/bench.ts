import type { PortEvents, PortOpener } from '#adapters/serial/port.ts'
import { answerRequest, decodeAscii, decodeRtu, encodeAscii, encodeRtu, type ModbusTable } from '#codecs/modbus/index.ts'
import type { VirtualClock } from '../../../support/virtual-clock.ts'

/** A unit on the bench's line. */
export class BenchUnit {
  readonly registers = new Map<string, number>()
  /** It answers after this long, ms. */
  delayMs = 5
  /** It does not answer. */
  silent = false
  /** Requests heard, as `time function address count`. */
  readonly heard: string[] = []
  /** Breaks an answer: gives the bytes that go onto the line. */
  spoil: (answer: Uint8Array) => Uint8Array = answer => answer

  set(table: ModbusTable, address: number, ...values: number[]): this {
    for (const [index, value] of values.entries()) this.registers.set(`${table}/${address + index}`, value)
    return this
  }

  get(table: ModbusTable, address: number): number | undefined {
    return this.registers.get(`${table}/${address}`)
  }

  answer(pdu: Uint8Array): Uint8Array {
    return answerRequest(
      {
        read: (table, address) => this.get(table, address),
        write: (table, address, value) => {
          if (this.get(table, address) === undefined) return false
          this.set(table, address, value)
          return true
        },
      },
      pdu,
    )
  }
}

/** A Modbus line in virtual time: units that answer, late or not at all, and an adapter that can be pulled out. */
export class BenchLine implements PortOpener {
  readonly units = new Map<number, BenchUnit>()
  plugged = true
  mode: 'rtu' | 'ascii' = 'rtu'
  /** The adapter hears what it sends. */
  echo = false
  #events: PortEvents | undefined
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  add(unit: number): BenchUnit {
    const added = new BenchUnit()
    this.units.set(unit, added)
    return added
  }

  async open(_settings: unknown, events: PortEvents) {
    if (!this.plugged) throw new Error('not there')
    this.#events = events
    return {
      write: async (bytes: Uint8Array) => this.#hear(bytes),
      pause: () => {},
      resume: () => {},
      close: async () => {
        if (this.#events === events) this.#events = undefined
      },
    }
  }

  say(bytes: Uint8Array): void {
    this.#events?.data(Buffer.from(bytes))
  }

  pull(): void {
    this.plugged = false
    const events = this.#events
    this.#events = undefined
    events?.lost('hung up')
  }

  #hear(bytes: Uint8Array): void {
    if (this.echo) this.say(bytes)
    const { unit, pdu } = this.mode === 'rtu' ? decodeRtu(bytes) : decodeAscii(bytes)
    const target = this.units.get(unit)
    if (target === undefined) return
    target.heard.push(`${Math.round(this.#clock.monotonic())} ${Buffer.from(pdu).toString('hex')}`)
    if (target.silent) return
    const answer = target.spoil((this.mode === 'rtu' ? encodeRtu : encodeAscii)({ unit, pdu: target.answer(pdu) }))
    this.#clock.setTimer(target.delayMs, () => this.say(answer))
  }
}

/** Lets time pass in small steps, so that promises between timers have their turn. */
export async function pass(clock: VirtualClock, byMs: number, stepMs = 1): Promise<void> {
  for (let left = byMs; left > 0; left -= stepMs) {
    clock.advance(Math.min(stepMs, left))
    for (let turn = 0; turn < 6; turn++) await Promise.resolve()
  }
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}
