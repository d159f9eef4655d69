import type { Clock } from '#base/clock.ts'
import type { ModbusRequest } from '#codecs/modbus/index.ts'
import type { SerialDeviceConfig } from '../config.ts'
import type { UnitConfig } from '../config-keys.ts'
import { type PlannedBlock, type PlannedPoint, planBlocks, plannedPoint, readRequest } from './plan.ts'
import { ModbusUnit } from './unit.ts'

/** A block with its place in time. */
export interface PolledBlock {
  unit: PolledUnit
  plan: PlannedBlock
  request: ModbusRequest
  intervalMs: number
  /** Running time at which it is to be read. */
  dueAt: number
  /** How far it stands behind others that are due at the same time, ms: after a failure. */
  setBackMs: number
  /** Failures in a row at this turn. */
  broken: number
  /** Its last turn went by because the unit was dead. */
  missed: boolean
}

export interface PolledUnit {
  /** Undefined for the one unit of a device without units. */
  name: string | undefined
  /** What goes before the names of its points. */
  prefix: string
  health: ModbusUnit
  order: SerialDeviceConfig['byte_order']
  retries: number
  points: ReadonlyMap<string, PlannedPoint>
  blocks: PolledBlock[]
}

/** The units of a device with their plans. */
export function unitsOf(config: SerialDeviceConfig, clock: Clock): PolledUnit[] {
  const units = Object.entries(config.units)
  if (units.length === 0) return [unitOf(undefined, { ...config }, config, clock)]
  return units.map(([name, unit]) => unitOf(name, unit, config, clock))
}

type UnitKeys = Omit<UnitConfig, 'profile'>

function unitOf(name: string | undefined, own: UnitKeys, device: SerialDeviceConfig, clock: Clock): PolledUnit {
  const timeoutMs = own.timeout ?? device.timeout
  const retries = own.retries ?? device.retries
  const health = new ModbusUnit(
    { name, unit: own.unit, timeoutMs, retries, backOffMs: device.back_off, lateMs: device.late ?? 3 * timeoutMs },
    clock,
  )
  const points = new Map(Object.entries(own.points).map(([point, each]) => [point, plannedPoint(point, each)]))
  const order = own.byte_order ?? device.byte_order
  const unit: PolledUnit = { name, prefix: name === undefined ? '' : `${name}/`, health, order, retries, points, blocks: [] }
  const groups = { ...device.groups, ...own.groups }
  const limits = { gapMax: own.max_gap ?? device.max_gap, registersMax: own.max_registers ?? device.max_registers }
  const byInterval = new Map<number, PlannedPoint[]>()
  for (const point of points.values()) {
    const group = point.config.group === undefined ? undefined : groups[point.config.group]
    const intervalMs = group?.interval ?? own.interval ?? device.interval
    byInterval.set(intervalMs, [...(byInterval.get(intervalMs) ?? []), point])
  }
  for (const [intervalMs, members] of byInterval) {
    for (const plan of planBlocks(members, limits)) {
      unit.blocks.push({ unit, plan, request: readRequest(plan), intervalMs, dueAt: 0, setBackMs: 0, broken: 0, missed: false })
    }
  }
  return unit
}
