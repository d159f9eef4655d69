/** The requests that write values into a unit. */
import { GatewayError } from '#base/errors.ts'
import { encodeBinary } from '#codecs/framing/index.ts'
import type { ModbusRequest } from '#codecs/modbus/index.ts'
import type { SpeechConfig } from '../config-keys.ts'
import { binaryTypeOf, sizeOfPoint } from '../parsers.ts'
import { rawOf } from '../points.ts'
import { maskOf, toBoolean, wordValue } from '../value.ts'
import type { PlannedPoint } from './plan.ts'

/** Values that are written together: points that follow each other without a gap. */
export interface PlannedWrite {
  points: readonly PlannedPoint[]
  payloads: readonly string[]
}

/** What a write must know of the register first, to leave other bits of it alone. */
export function needsCurrent({ config }: PlannedPoint): boolean {
  return config.bit !== undefined && config.write !== 'mask'
}

/**
 * The writes for values by point; neighbours share one request.
 * @throws GatewayError `not-found` for a point that is not there or cannot be written
 */
export function planWrites(points: ReadonlyMap<string, PlannedPoint>, values: Readonly<Record<string, string>>): PlannedWrite[] {
  const wanted = Object.entries(values).map(([name, payload]) => {
    const point = points.get(name)
    if (point === undefined || point.config.write === 'no') throw new GatewayError('not-found', `point "${name}" cannot be written`)
    return { point, payload }
  })
  wanted.sort((left, right) => left.point.table.localeCompare(right.point.table) || left.point.address - right.point.address)
  const writes: { points: PlannedPoint[]; payloads: string[] }[] = []
  for (const { point, payload } of wanted) {
    const write = writes.at(-1)
    const last = write?.points.at(-1)
    if (write !== undefined && last !== undefined && joins(last, point)) {
      write.points.push(point)
      write.payloads.push(payload)
    } else writes.push({ points: [point], payloads: [payload] })
  }
  return writes
}

function joins(last: PlannedPoint, next: PlannedPoint): boolean {
  const alone = (point: PlannedPoint) => point.config.bit !== undefined || point.config.write === 'single' || point.config.write === 'mask'
  return last.table === next.table && last.address + last.count === next.address && !alone(last) && !alone(next)
}

/**
 * The request of a write; `current` is what the register holds, for a field of bits.
 * @throws GatewayError `encode-range` for a payload that is no value of its point
 */
export function writeRequest({ points, payloads }: PlannedWrite, order: SpeechConfig['byte_order'], current = 0): ModbusRequest {
  const first = points[0]!
  const { config, address } = first
  if (first.table === 'coil') {
    const values = points.map((point, index) => switchOf(point, payloads[index]!))
    const single = values.length === 1 && config.write !== 'multiple'
    return single ? { kind: 'write-coil', address, value: values[0]! } : { kind: 'write-coils', address, values }
  }
  if (config.write === 'mask') {
    const mask = Number(maskOf(config))
    return { kind: 'mask-register', address, and: ~mask & 0xffff, or: Number(rawOf(config, payloads[0]!)) & mask }
  }
  const bytes = Buffer.concat(points.map((point, index) => bytesOf(point, payloads[index]!, order, current)))
  const single = bytes.length === 2 && config.write !== 'multiple'
  return single ? { kind: 'write-register', address, value: bytes.readUInt16BE() } : { kind: 'write-registers', address, bytes }
}

function switchOf({ name, config }: PlannedPoint, payload: string): boolean {
  const value = toBoolean(wordValue(config, payload.trim()))
  if (value === undefined)
    throw new GatewayError('encode-range', `${JSON.stringify(payload.slice(0, 64))} is not true or false for "${name}"`)
  return value
}

/** The registers of a value; half a register of text is filled up. */
function bytesOf({ config, count }: PlannedPoint, payload: string, order: SpeechConfig['byte_order'], current: number): Uint8Array {
  const type = binaryTypeOf(config)
  const length = type === 'string' || type === 'hex' ? count * 2 : sizeOfPoint(config)
  let raw = rawOf(config, payload, current)
  // A signed register with a field of bits was read as unsigned.
  if (config.bit !== undefined && type === 'int16' && Number(raw) > 0x7fff) raw = Number(raw) - 0x10000
  return encodeBinary(type, config.byte_order ?? order, raw, length)
}
