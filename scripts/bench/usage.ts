/** CPU time and memory of a process and its descendants, as `/proc` has them. */
import { readdirSync, readFileSync } from 'node:fs'

/** Microseconds of one tick in `/proc/PID/stat`: USER_HZ is 100 on x64 and arm64. */
const TICK_US = 10_000

export interface ProcessStat {
  parentPid: number
  sessionId: number
  /** User and system time of all its threads, and of the children that it has waited for. */
  cpuUs: number
}

export interface Memory {
  rssBytes: number
  /** The same with shared pages divided among those who share them. */
  pssBytes: number
}

/** Reads the text of a `/proc/PID/stat`. The program's name stands in parentheses and may hold anything, these too. */
export function parseStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // proc_pid_stat(5): ppid is field 4, session is 6; utime, stime, cutime, cstime are 14 to 17; `fields` begins with field 3.
  const ticks = Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14])
  return { parentPid: Number(fields[1]), sessionId: Number(fields[3]), cpuUs: ticks * TICK_US }
}

/** The process and its descendants; without those that have ended meanwhile. */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = statOf(Number(name))
    if (stat === undefined) continue
    const siblings = children.get(stat.parentPid)
    if (siblings === undefined) children.set(stat.parentPid, [Number(name)])
    else siblings.push(Number(name))
  }
  const found: number[] = []
  const open = statOf(pid) === undefined ? [] : [pid]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    found.push(next)
    open.push(...(children.get(next) ?? []))
  }
  return found
}

/** CPU time of these processes in microseconds, in steps of 10,000. A process that has ended counts through its parent. */
export function cpuUs(pids: readonly number[]): number {
  let sum = 0
  for (const pid of pids) sum += statOf(pid)?.cpuUs ?? 0
  return sum
}

/** Resident memory of these processes. */
export function memory(pids: readonly number[]): Memory {
  let rssBytes = 0
  let pssBytes = 0
  for (const pid of pids) {
    rssBytes += kilobytes(`/proc/${pid}/status`, 'VmRSS') * 1024
    pssBytes += kilobytes(`/proc/${pid}/smaps_rollup`, 'Pss') * 1024
  }
  return { rssBytes, pssBytes }
}

/** The processes of these that still run in the session that `leader` began: a number may have gone to somebody else. */
export function inSession(pids: readonly number[], leader: number): number[] {
  return pids.filter(pid => statOf(pid)?.sessionId === leader)
}

function statOf(pid: number): ProcessStat | undefined {
  const text = textOf(`/proc/${pid}/stat`)
  return text === undefined ? undefined : parseStat(text)
}

function kilobytes(path: string, key: string): number {
  const found = new RegExp(`^${key}:\\s*(\\d+) kB`, 'm').exec(textOf(path) ?? '')
  return found === null ? 0 : Number(found[1])
}

/** A process may end between any two reads; what it had is then not there. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
