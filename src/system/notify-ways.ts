/**
 * The ways by which one message can reach the service manager, best first: the addon's datagram, a descriptor that
 * systemd has opened for us, the program `systemd-notify`.
 */
import { spawn } from 'node:child_process'
import { writeSync } from 'node:fs'
import { constants } from 'node:os'
import { describeError, systemCode } from '#base/errors.ts'
import type { ServiceEnvironment } from './notify-environment.ts'

/** What became of a message: taken, to be tried again in a while, or why nothing goes this way. */
export type Outcome = 'sent' | 'busy' | { fault: string }

export interface NotifyWay {
  /** For people. */
  readonly name: string
  /** `state` is lines of `NAME=value`, as in sd_notify(3). Never throws. */
  send(state: string): Outcome
}

/** `native/notify.c`. */
export interface NotifyAddon {
  /** One datagram. Returns 0, or a negative errno. */
  send(address: string, state: string): number
}

const { EAGAIN, ENOBUFS } = constants.errno

/** Works with every systemd. */
export function addonWay(addon: NotifyAddon, address: string): NotifyWay {
  return {
    name: 'datagram',
    send(state) {
      const errno = -addon.send(address, state)
      if (errno === 0) return 'sent'
      if (errno === EAGAIN || errno === ENOBUFS) return 'busy'
      return { fault: `${address}: ${nameOf(errno)}` }
    },
  }
}

function nameOf(errno: number): string {
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `error ${errno}`
}

/** The descriptor of `OpenFile=/run/systemd/notify:notify` (systemd 253 and later): a connected datagram socket. */
export function descriptorWay(fd: number): NotifyWay {
  return {
    name: 'open file',
    send(state) {
      try {
        writeSync(fd, state)
        return 'sent'
      } catch (error) {
        return systemCode(error) === 'EAGAIN' ? 'busy' : { fault: `descriptor ${fd}: ${describeError(error)}` }
      }
    },
  }
}

const PROGRAM = 'systemd-notify'
/** A manager that does not answer must not make processes pile up. */
const PROGRAMS_MAX = 4
const PROGRAM_TIMEOUT_MS = 5_000

/** A process for every message, and only where the unit has `NotifyAccess=all`: the last resort. */
export function programWay(address: string, environment: NodeJS.ProcessEnv, program = PROGRAM): NotifyWay {
  let running = 0
  let fault: string | undefined
  return {
    name: program,
    send(state) {
      if (fault !== undefined) return { fault }
      if (running >= PROGRAMS_MAX) return 'busy'
      running++
      const env = { ...environment, NOTIFY_SOCKET: address }
      const child = spawn(program, state.split('\n'), { env, stdio: 'ignore', timeout: PROGRAM_TIMEOUT_MS })
      child.unref()
      child.once('error', error => {
        fault = `${program}: ${describeError(error)}`
        running--
      })
      child.once('exit', () => running--)
      return 'sent'
    },
  }
}

export interface WaysOptions {
  /** What the service manager has left for this process. */
  handed: ServiceEnvironment
  /** For the program. */
  environment: NodeJS.ProcessEnv
  loadAddon: () => NotifyAddon | undefined
}

/** All ways that this process has, best first; none when no service manager wants to hear anything. */
export function notifyWays({ handed: { address, descriptor }, environment, loadAddon }: WaysOptions): NotifyWay[] {
  if (address === undefined) return []
  const ways: NotifyWay[] = []
  const addon = loadAddon()
  if (addon !== undefined) ways.push(addonWay(addon, address))
  if (descriptor !== undefined) ways.push(descriptorWay(descriptor))
  ways.push(programWay(address, environment))
  return ways
}
