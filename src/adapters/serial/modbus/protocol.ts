import type { Clock, Timer } from '#base/clock.ts'
import { GatewayError, isGatewayError } from '#base/errors.ts'
import { type DeframerCounters, decodeText, newCounters } from '#codecs/framing/index.ts'
import type { ModbusRequest } from '#codecs/modbus/index.ts'
import type { SerialDeviceConfig } from '../config.ts'
import type { LineCounters } from '../frame-reader.ts'
import type { Protocol, ProtocolEvents } from '../protocol.ts'
import { ModbusLine } from './line.ts'
import { readRequest, splitBlock } from './plan.ts'
import { badReadings, readBlock } from './read.ts'
import { type PolledBlock, type PolledUnit, unitsOf } from './units.ts'
import { needsCurrent, type PlannedWrite, planWrites, writeRequest } from './write.ts'

/** Writes that wait for their turn on the line; more are refused. */
const WRITES_MAX = 64
/** Exceptions that concern the registers asked for, not the unit: the block is asked for in halves. */
const REFUSED_ADDRESS: ReadonlySet<number> = new Set([2, 3])
/** Broken answers to one request in a row before its points count as bad for this time. */
const BROKEN_MAX = 5

interface QueuedWrite {
  unit: PolledUnit
  write: PlannedWrite
  resolve(): void
  reject(error: unknown): void
}

/**
 * The master of a Modbus line: asks its units by the plan, one request at a time, the longest overdue first; writes go before
 * reads. A unit that does not answer is left alone for its back-off and costs one time-out in it.
 */
export class ModbusProtocol implements Protocol {
  readonly idleMs = 0
  readonly polls = true
  readonly lines: LineCounters = { lines: 0, unmatched: 0, malformed: 0, invalid: 0 }
  readonly filters: readonly string[]
  readonly #config: SerialDeviceConfig
  readonly #clock: Clock
  readonly #events: ProtocolEvents
  readonly #line: ModbusLine
  readonly #units: readonly PolledUnit[]
  readonly #framing = newCounters()
  #writes: QueuedWrite[] = []
  #timer: Timer | undefined
  #open = false
  #asking = false

  constructor(config: SerialDeviceConfig, clock: Clock, events: ProtocolEvents) {
    this.#config = config
    this.#clock = clock
    this.#events = events
    this.#units = unitsOf(config, clock)
    this.filters = filtersOf(this.#units)
    this.#line = new ModbusLine({
      mode: config.framing === 'modbus-ascii' ? 'ascii' : 'rtu',
      clock,
      characterMs: characterMs(config),
      turnaroundMs: config.turnaround,
      echo: config.echo,
      write: bytes => events.write(bytes),
      stray: (unit, code, length) => this.#units.find(each => each.health.unit === unit)?.health.late(code, length),
    })
  }

  get framing(): Readonly<DeframerCounters> {
    const { answers, malformed } = this.#line.counters
    return { ...this.#framing, frames: answers, malformed }
  }

  opened(): void {
    this.#open = true
    const now = this.#clock.monotonic()
    for (const unit of this.#units) {
      unit.health.forget()
      for (const block of unit.blocks) block.dueAt = now
    }
    this.#work()
  }

  push(bytes: Uint8Array): void {
    this.#framing.bytes += bytes.length
    this.#line.push(bytes)
  }

  idle(): void {}

  lost(): void {
    this.stop()
    for (const unit of this.#units) this.#spoil(unit, 'the port is not open')
  }

  stop(): void {
    this.#open = false
    this.#clock.clearTimer(this.#timer)
    this.#timer = undefined
    this.#line.lost()
    const gone = new GatewayError('port-unavailable', 'the port is not open', { retryable: true })
    for (const write of this.#writes.splice(0)) write.reject(gone)
  }

  async command(topic: string, payload: Uint8Array): Promise<void> {
    const levels = topic.split('/')
    const [name] = levels
    const unit = this.#units.find(each => (each.name === undefined ? true : each.name === name))
    if (unit === undefined) throw new GatewayError('not-found', `there is no unit "${name}"`)
    const rest = unit.name === undefined ? levels : levels.slice(1)
    const text = decodeText(payload, 'utf8')
    const values = rest.length === 1 ? valuesOf(text) : { [rest[0]!]: text }
    if (!this.#open) throw new GatewayError('port-unavailable', 'the port is not open', { retryable: true })
    if (unit.health.state === 'dead') throw new GatewayError('timeout', 'the unit does not answer at the moment', { retryable: true })
    const writes = planWrites(unit.points, values)
    // All must be right before the first is sent.
    for (const write of writes) writeRequest(write, unit.order)
    if (this.#writes.length + writes.length > WRITES_MAX) throw new GatewayError('quota-exceeded', 'too many writes wait for the line')
    await Promise.all(writes.map(write => this.#queue(unit, write)))
  }

  #queue(unit: PolledUnit, write: PlannedWrite): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writes.push({ unit, write, resolve, reject })
      this.#work()
    })
  }

  /** Does what is due, one exchange at a time, until nothing is; then waits for the next. */
  #work(): void {
    if (this.#asking || !this.#open) return
    this.#clock.clearTimer(this.#timer)
    this.#timer = undefined
    const write = this.#writes.shift()
    const next = write === undefined ? this.#nextBlock() : undefined
    if (write === undefined && next === undefined) return
    if (typeof next === 'number') {
      this.#timer = this.#clock.setTimer(Math.max(0, next - this.#clock.monotonic()), () => this.#work())
      return
    }
    this.#asking = true
    const done = write === undefined ? this.#poll(next!) : this.#write(write)
    void done.finally(() => {
      this.#asking = false
      this.#work()
    })
  }

  /** The block that is due the longest; else when the next one will be. */
  #nextBlock(): PolledBlock | number | undefined {
    const now = this.#clock.monotonic()
    let first: PolledBlock | undefined
    let soonest = Number.POSITIVE_INFINITY
    for (const { health, blocks } of this.#units) {
      for (const block of blocks) {
        const at = this.#possibleAt(block, health.state === 'dead' ? health.retryAt : 0, now)
        if (at > now) soonest = Math.min(soonest, at)
        else if (first === undefined || block.dueAt + block.setBackMs < first.dueAt + first.setBackMs) first = block
      }
    }
    return first ?? (soonest === Number.POSITIVE_INFINITY ? undefined : soonest)
  }

  #possibleAt(block: PolledBlock, notBefore: number, now: number): number {
    const at = Math.max(block.dueAt, notBefore)
    return at > now ? at : block.unit.health.freeAt(block.request, now)
  }

  async #poll(block: PolledBlock): Promise<void> {
    const { unit } = block
    const wasDead = unit.health.state === 'dead'
    try {
      const bytes = await this.#ask(unit, block.request)
      if (!this.#open) return
      this.lines.lines++
      for (const reading of readBlock(block.plan, bytes, unit.order, unit.prefix)) {
        if (!reading.good) this.lines.invalid++
        this.#events.reading(reading)
      }
      this.#next(block)
      if (wasDead) this.#revive(unit)
    } catch (error) {
      if (!isGatewayError(error)) throw error
      if (this.#open) this.#pollFailed(block, error)
    }
  }

  #pollFailed(block: PolledBlock, error: GatewayError): void {
    const { unit } = block
    if (error.code === 'refused') {
      if (REFUSED_ADDRESS.has(error.reason ?? 0) && this.#split(block)) return
      this.#events.warn(`refused ${unit.health.unit}`, 'a unit refuses to be read', {
        unit: unit.health.unit,
        register: block.plan.address,
        count: block.plan.count,
        reason: error.message,
      })
      this.#publishBad(block, error.message)
      this.#next(block)
      return
    }
    if (unit.health.state === 'dead') return this.#next(block)
    block.broken++
    // Others go first, then it is asked again.
    block.setBackMs += unit.health.timeoutMs
    if (block.broken < BROKEN_MAX) return
    this.#publishBad(block, error.message)
    this.#next(block)
  }

  /** Asks and keeps count of how the unit does. */
  async #ask(unit: PolledUnit, request: ModbusRequest): Promise<Uint8Array> {
    const { health } = unit
    const sentAt = this.#clock.monotonic()
    try {
      const bytes = await this.#line.ask(health.unit, request, health.timeoutMs)
      this.#alive(unit, request, sentAt)
      return bytes
    } catch (error) {
      if (!isGatewayError(error)) throw error
      if (error.code === 'refused') this.#alive(unit, request, sentAt)
      else if (error.code === 'timeout' || error.code === 'decode-malformed') {
        if (error.code === 'decode-malformed') this.lines.malformed++
        if (health.failed(request, sentAt, error.code === 'timeout')) this.#dead(unit)
      }
      throw error
    }
  }

  #alive(unit: PolledUnit, request: ModbusRequest, sentAt: number): void {
    if (unit.health.answered(request, this.#clock.monotonic() - sentAt)) this.#events.answering(unit.name, true, '')
  }

  #dead(unit: PolledUnit): void {
    this.#events.answering(unit.name, false, 'no answer')
    this.#spoil(unit, 'no answer')
  }

  /** A unit that is back is asked for everything, not at the end of each interval. */
  #revive(unit: PolledUnit): void {
    const now = this.#clock.monotonic()
    for (const block of unit.blocks) block.dueAt = Math.min(block.dueAt, block.missed ? now : block.dueAt)
    for (const block of unit.blocks) block.missed = false
  }

  #spoil(unit: PolledUnit, reason: string): void {
    for (const block of unit.blocks) {
      block.missed = true
      this.#publishBad(block, reason)
    }
  }

  #publishBad(block: PolledBlock, reason: string): void {
    for (const reading of badReadings(block.plan.points, reason, block.unit.prefix)) this.#events.reading(reading)
  }

  /** Sets the block to its next time; a time that has passed meanwhile is left out, the beat is kept. */
  #next(block: PolledBlock): void {
    const now = this.#clock.monotonic()
    block.broken = 0
    block.setBackMs = 0
    block.dueAt += block.intervalMs
    if (block.dueAt <= now) block.dueAt += Math.ceil((now - block.dueAt) / block.intervalMs) * block.intervalMs
  }

  /** A register that is not there must not cost those beside it. */
  #split(block: PolledBlock): boolean {
    const halves = splitBlock(block.plan)
    if (halves === undefined) return false
    const { unit } = block
    const [first, second] = halves.map(plan => ({ ...block, plan, request: readRequest(plan), broken: 0, setBackMs: 0 }))
    unit.blocks.splice(unit.blocks.indexOf(block), 1, first!, second!)
    return true
  }

  async #write({ unit, write, resolve, reject }: QueuedWrite): Promise<void> {
    try {
      const first = write.points[0]!
      const place = { table: first.table, address: first.address, count: 1 }
      const current = needsCurrent(first) ? Buffer.from(await this.#askPatiently(unit, readRequest(place))).readUInt16BE() : 0
      const request = writeRequest(write, unit.order, current)
      await this.#askPatiently(unit, request)
      if (this.#config.confirm) await this.#confirm(unit, write)
      resolve()
    } catch (error) {
      reject(error)
    }
  }

  /** Asks again where the line has failed: what a write sets is the same however often it is sent. */
  async #askPatiently(unit: PolledUnit, request: ModbusRequest): Promise<Uint8Array> {
    for (let attempt = 0; ; attempt++) {
      try {
        const now = this.#clock.monotonic()
        const free = unit.health.freeAt(request, now) - now
        if (free > 0) await new Promise<void>(resolve => void this.#clock.setTimer(free, resolve))
        if (!this.#open) throw new GatewayError('port-unavailable', 'the port is not open', { retryable: true })
        return await this.#ask(unit, request)
      } catch (error) {
        const again = isGatewayError(error) && (error.code === 'timeout' || error.code === 'decode-malformed')
        if (!again || attempt >= unit.retries || unit.health.state === 'dead') throw error
      }
    }
  }

  /** Reads back what was written and publishes it. */
  async #confirm(unit: PolledUnit, { points, payloads }: PlannedWrite): Promise<void> {
    const first = points[0]!
    const count = points.reduce((sum, point) => sum + point.count, 0)
    const plan = { table: first.table, address: first.address, count, points }
    const bytes = await this.#askPatiently(unit, readRequest(plan))
    const readings = readBlock(plan, bytes, unit.order, unit.prefix)
    for (const reading of readings) this.#events.reading(reading)
    for (const [index, reading] of readings.entries()) {
      const wanted = Number(payloads[index])
      const got = Number(reading.value)
      if (Number.isFinite(wanted) && typeof reading.value === 'number' && Math.abs(wanted - got) > Math.abs(points[index]!.config.scale)) {
        throw new GatewayError('refused', `"${points[index]!.name}" was written and reads ${reading.text}`)
      }
    }
  }
}

/** Time of one character: start bit, data, parity, stop bits. */
function characterMs({ baud, data_bits, parity, stop_bits }: SerialDeviceConfig): number {
  return ((1 + data_bits + (parity === 'none' ? 0 : 1) + stop_bits) * 1000) / baud
}

function filtersOf(units: readonly PolledUnit[]): string[] {
  const writable = units.some(unit => [...unit.points.values()].some(point => point.config.write !== 'no'))
  if (!writable) return []
  return units[0]?.name === undefined ? ['+/set', 'set'] : ['+/+/set', '+/set']
}

/** A JSON object of values by point. */
function valuesOf(text: string): Record<string, string> {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new GatewayError('encode-range', 'not JSON', { cause })
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new GatewayError('encode-range', 'not a JSON object')
  return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, String(value)]))
}
