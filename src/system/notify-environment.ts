/** What a service manager leaves in the environment of the process that it starts: sd_notify(3), sd_listen_fds(3). */
import { TIMER_MAX_MS } from '#base/clock.ts'

export interface ServiceEnvironment {
  /** Where messages go: a path, or `@` and an abstract name. Undefined: nobody wants to hear anything. */
  address: string | undefined
  /** A socket to the same place that the manager has opened (`OpenFile=/run/systemd/notify:notify`). */
  descriptor: number | undefined
  /** Half of the time after which the manager misses a sign of life, in ms; undefined: it wants none. */
  watchdogMs: number | undefined
}

const NAMES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']
/** Descriptors handed over begin here. */
const LISTEN_FDS_START = 3
const DESCRIPTOR_NAME = 'notify'

/**
 * Takes it out of the environment. Call it before any process is started: a child that found it there would speak in
 * our name (programs of systemd report their own failures that way).
 */
export function takeServiceEnvironment(environment: NodeJS.ProcessEnv, pid: number): ServiceEnvironment {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, LISTEN_PID, LISTEN_FDNAMES } = environment
  for (const name of NAMES) delete environment[name]
  const place = LISTEN_PID === String(pid) ? (LISTEN_FDNAMES ?? '').split(':').indexOf(DESCRIPTOR_NAME) : -1
  return {
    address: NOTIFY_SOCKET || undefined,
    descriptor: place < 0 ? undefined : LISTEN_FDS_START + place,
    watchdogMs: WATCHDOG_PID === undefined || WATCHDOG_PID === String(pid) ? halfMs(WATCHDOG_USEC) : undefined,
  }
}

function halfMs(usec: string | undefined): number | undefined {
  if (usec === undefined || !/^[1-9]\d{0,17}$/.test(usec)) return undefined
  return Math.min(Math.max(Math.floor(Number(usec) / 2_000), 1), TIMER_MAX_MS)
}
