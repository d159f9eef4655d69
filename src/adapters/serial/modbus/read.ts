/** What the bytes of a block mean. */
import type { Field } from '#codecs/framing/index.ts'
import { bitAt } from '#codecs/modbus/index.ts'
import type { SpeechConfig } from '../config-keys.ts'
import { binaryField, sizeOfPoint } from '../parsers.ts'
import { type Reading, readPoint } from '../points.ts'
import type { PlannedBlock, PlannedPoint } from './plan.ts'

const NOTHING: Field = { text: '', value: null }

/** The readings of a block's points; `prefix` goes before their names. */
export function readBlock(block: PlannedBlock, bytes: Uint8Array, order: SpeechConfig['byte_order'], prefix: string): Reading[] {
  return block.points.map(point => readPoint(prefix + point.name, point.config, fieldOf(block, point, bytes, order)))
}

function fieldOf(block: PlannedBlock, point: PlannedPoint, bytes: Uint8Array, order: SpeechConfig['byte_order']): Field {
  const place = point.address - block.address
  if (block.table === 'coil' || block.table === 'discrete') {
    const on = bitAt(bytes, place)
    return coilField(point, on)
  }
  const registers = bytes.subarray(place * 2, (place + point.count) * 2)
  // An odd length of text leaves half of its last register alone.
  const field = binaryField(point.config, order, registers.subarray(0, sizeOfPoint(point.config)))
  return field ?? NOTHING
}

/** A coil is a switch, unless its point makes words or a number of it. */
function coilField({ config }: PlannedPoint, on: boolean): Field {
  const asNumber = Object.keys(config.values).length > 0 || config.type === 'number' || config.type === 'integer'
  return asNumber ? { text: on ? '1' : '0', value: on ? 1 : 0 } : { text: String(on), value: on }
}

/** Readings that say that there is no value, and why. */
export function badReadings(points: readonly PlannedPoint[], error: string, prefix: string): Reading[] {
  return points.map(({ name, config }) => ({ point: prefix + name, text: '', value: null, unit: config.unit, good: false, error }))
}
