/** The poll plan: which registers are read together. Pure. */
import { type ModbusRequest, type ModbusTable, READ_BITS_MAX } from '#codecs/modbus/index.ts'
import type { PointConfig } from '../config-keys.ts'
import { sizeOfPoint } from '../parsers.ts'

export interface PlannedPoint {
  name: string
  config: PointConfig
  table: ModbusTable
  address: number
  /** Registers or bits that it has. */
  count: number
}

/** Points of one table that are read by one request. */
export interface PlannedBlock {
  table: ModbusTable
  address: number
  count: number
  points: readonly PlannedPoint[]
}

export interface PlanLimits {
  /** Registers or bits between two points that are read along. */
  gapMax: number
  registersMax: number
}

/** A point with its place. */
export function plannedPoint(name: string, config: PointConfig): PlannedPoint {
  const isBits = config.table === 'coil' || config.table === 'discrete'
  const count = isBits ? 1 : Math.ceil(sizeOfPoint(config) / 2)
  return { name, config, table: config.table, address: config.register ?? 0, count }
}

/** Blocks of points that lie together, each within one request; a point is never cut in two. */
export function planBlocks(points: readonly PlannedPoint[], { gapMax, registersMax }: PlanLimits): PlannedBlock[] {
  const sorted = points.toSorted((left, right) => left.table.localeCompare(right.table) || left.address - right.address)
  const blocks: PlannedPoint[][] = []
  let end = 0
  for (const point of sorted) {
    const block = blocks.at(-1)
    const first = block?.[0]
    const isBits = point.table === 'coil' || point.table === 'discrete'
    const max = isBits ? READ_BITS_MAX : registersMax
    const reach = Math.max(end, point.address + point.count)
    const together = first !== undefined && first.table === point.table && point.address - end <= gapMax && reach - first.address <= max
    if (together) block!.push(point)
    else blocks.push([point])
    end = together ? reach : point.address + point.count
  }
  return blocks.map(blockOf)
}

/** The two halves of a block that the unit refuses as a whole; undefined if it is one point, or several in one place. */
export function splitBlock(block: PlannedBlock): [PlannedBlock, PlannedBlock] | undefined {
  const middle = block.points.length >> 1
  if (middle === 0) return undefined
  return [blockOf(block.points.slice(0, middle)), blockOf(block.points.slice(middle))]
}

function blockOf(points: readonly PlannedPoint[]): PlannedBlock {
  const address = points[0]!.address
  const end = points.reduce((most, point) => Math.max(most, point.address + point.count), 0)
  return { table: points[0]!.table, address, count: end - address, points }
}

/** The request that reads a block. */
export function readRequest({ table, address, count }: Pick<PlannedBlock, 'table' | 'address' | 'count'>): ModbusRequest {
  return table === 'coil' || table === 'discrete'
    ? { kind: 'read-bits', table, address, count }
    : { kind: 'read-registers', table, address, count }
}
