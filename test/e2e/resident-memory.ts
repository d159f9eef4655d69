import { readFileSync } from 'node:fs'

/** Bytes of a process that are in memory now (`VmRSS`), and the most that ever were (`VmHWM`), as Linux tells them. */
export function residentMemory(pid: number): { bytes: number; peakBytes: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
  return { bytes: read('VmRSS'), peakBytes: read('VmHWM') }
}
