/**
 * Whether the machine's clock has been set. A board without a battery-backed clock starts at some earlier time
 * and is right only once it has asked somebody: until then its times must not be believed.
 */

import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { monotonicMs } from '#base/system-clock.ts'

/** What the probe asks of the machine; a test answers in its place. */
export interface ClockWitness {
  exists(path: string): boolean
  list(directory: string): string[]
  read(path: string): string | undefined
  /** Asks systemd-timedated for `NTPSynchronized`; calls back once, with undefined when it cannot be asked. */
  askTimedate(answer: (synchronised: boolean | undefined) => void): void
  /** Milliseconds of running time. */
  monotonic(): number
}

/** How old an answer may be: short while the clock is not set, so that the change is noticed. */
const UNSET_ANSWER_MS = 2_000
const SET_ANSWER_MS = 60_000
/** Between two questions to timedated, which costs a process each. */
const TIMEDATE_INTERVAL_MS = 30_000
const TIMEDATE_TIMEOUT_MS = 5_000

const TIMESYNCD_FILE = '/run/systemd/timesync/synchronized'
const SYSTEMD_DIRECTORY = '/run/systemd/system'
const RTC_DIRECTORY = '/sys/class/rtc'

/**
 * Makes a probe that is cheap to ask often. The clock counts as set when
 * - systemd-timesyncd has left its mark, or
 * - the kernel set the time from a real-time clock at boot, or
 * - timedated reports NTP synchronisation (chrony, ntpsec and others by way of the kernel), or
 * - systemd is not in charge here (a container, another init): then nobody here knows better than the host.
 */
export function clockProbe(witness: ClockWitness = machine): () => boolean {
  let answer = false
  let answeredAtMs = Number.NEGATIVE_INFINITY
  let timedate = false
  let askedAtMs = Number.NEGATIVE_INFINITY
  let asking = false

  function ask(nowMs: number): void {
    if (asking || nowMs - askedAtMs < TIMEDATE_INTERVAL_MS) return
    asking = true
    askedAtMs = nowMs
    witness.askTimedate(synchronised => {
      asking = false
      timedate = synchronised ?? timedate
    })
  }

  return () => {
    const nowMs = witness.monotonic()
    if (nowMs - answeredAtMs < (answer ? SET_ANSWER_MS : UNSET_ANSWER_MS)) return answer
    answeredAtMs = nowMs
    answer = witness.exists(TIMESYNCD_FILE) || setFromRtc(witness) || !witness.exists(SYSTEMD_DIRECTORY)
    if (!answer) {
      ask(nowMs)
      answer = timedate
    }
    return answer
  }
}

/** `hctosys` is 1 for the real-time clock from which the kernel set its time at boot. */
function setFromRtc(witness: ClockWitness): boolean {
  return witness.list(RTC_DIRECTORY).some(name => witness.read(`${RTC_DIRECTORY}/${name}/hctosys`)?.trim() === '1')
}

const machine: ClockWitness = {
  exists: existsSync,
  list(directory) {
    try {
      return readdirSync(directory)
    } catch {
      return []
    }
  },
  read(path) {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  },
  askTimedate(answer) {
    const options = { timeout: TIMEDATE_TIMEOUT_MS, encoding: 'utf8' as const }
    const child = execFile('timedatectl', ['show', '--property=NTPSynchronized', '--value'], options, (error, stdout) =>
      answer(error === null ? stdout.trim() === 'yes' : undefined),
    )
    child.unref()
  },
  monotonic: monotonicMs,
}
