/** Readings of CPU time and memory at the ends of a span, and what lies between two of them. */

import type { Figures } from '../job.ts'
import { cpuUs, type Memory, memory, processTree } from '../usage.ts'

export interface Reading {
  atMs: number
  serverCpuUs: number
  generatorCpuUs: number
}

export class Meter {
  /** The server and its descendants, as they were when the meter was made. */
  readonly serverPids: readonly number[]

  constructor(serverPid: number) {
    this.serverPids = processTree(serverPid)
  }

  read(): Reading {
    const own = process.cpuUsage()
    return { serverCpuUs: cpuUs(this.serverPids), generatorCpuUs: own.user + own.system, atMs: performance.now() }
  }

  memory(): Memory {
    return memory(this.serverPids)
  }
}

/** Length of the span and how busy both sides were in it. */
export function spanFigures(before: Reading, after: Reading) {
  const seconds = (after.atMs - before.atMs) / 1000
  return {
    seconds,
    serverCpuPercent: (after.serverCpuUs - before.serverCpuUs) / seconds / 1e4,
    generatorCpuPercent: (after.generatorCpuUs - before.generatorCpuUs) / seconds / 1e4,
  } satisfies Figures
}

/** The server's CPU time for each of `count` things, in microseconds; not there when there were none. */
export function cpuEachUs(before: Reading, after: Reading, count: number): number | undefined {
  return count > 0 ? (after.serverCpuUs - before.serverCpuUs) / count : undefined
}

/** Without the figures that have no value. */
export function known(figures: { [Name in keyof Figures]: Figures[Name] | undefined }): Figures {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined))
}
