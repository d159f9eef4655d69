import type { Clock, Timer } from '#base/clock.ts'
import { describeError, GatewayError } from '#base/errors.ts'
import { encodeText, type Fields, RegexParser } from '#codecs/framing/index.ts'
import type { ScriptConfig, SpeechConfig, StepConfig } from './config-keys.ts'
import type { FrameReader } from './frame-reader.ts'
import type { ProtocolEvents } from './protocol.ts'

interface Step {
  bytes: Uint8Array
  expect: RegexParser | undefined
  fail: RegexParser | undefined
  /** No answer is waited for. */
  silent: boolean
  timeoutMs: number
  waitMs: number
}

interface Script {
  name: string
  intervalMs: number
  steps: Step[]
  dueAt: number
}

/**
 * Runs a device's scripts, one at a time and each at its interval: sends a request, waits for the answer, goes on. While a step
 * waits, lines that its `expect` does not match are passed over: echoes, unsolicited reports.
 */
export class ScriptRunner {
  readonly #clock: Clock
  readonly #reader: FrameReader
  readonly #events: ProtocolEvents
  readonly #scripts: Script[]
  #timer: Timer | undefined
  /** Grows with each start and stop: what an earlier run still does no longer counts. */
  #run = 0
  #busy: Promise<void> = Promise.resolve()
  #failing = false
  /** Ends the wait for an answer. */
  #settle: ((error: GatewayError | undefined) => void) | undefined
  /** Ends a pause. */
  #wake: (() => void) | undefined

  /** @throws GatewayError `config-invalid` */
  constructor(config: SpeechConfig, clock: Clock, reader: FrameReader, events: ProtocolEvents) {
    this.#clock = clock
    this.#reader = reader
    this.#events = events
    this.#scripts = Object.entries(config.scripts).map(([name, script]) => scriptOf(name, script, config))
  }

  start(): void {
    this.stop()
    const now = this.#clock.monotonic()
    for (const script of this.#scripts) script.dueAt = now
    this.#schedule()
  }

  stop(): void {
    this.#run++
    this.#clock.clearTimer(this.#timer)
    this.#timer = undefined
    this.#wake?.()
    this.#settle?.(new GatewayError('connection-lost', 'the port is not open', { retryable: true }))
  }

  /** Does something between two scripts, so that no answer is mistaken for another. */
  between(run: () => Promise<void>): Promise<void> {
    const done = this.#busy.then(run)
    this.#busy = done.catch(() => {})
    return done
  }

  #schedule(): void {
    const due = this.#scripts.reduce((first, script) => Math.min(first, script.dueAt), Number.POSITIVE_INFINITY)
    if (due === Number.POSITIVE_INFINITY) return
    const run = this.#run
    this.#timer = this.#clock.setTimer(Math.max(0, due - this.#clock.monotonic()), () => {
      this.#timer = undefined
      void this.between(() => this.#runDue(run)).finally(() => {
        if (run === this.#run) this.#schedule()
      })
    })
  }

  async #runDue(run: number): Promise<void> {
    for (const script of this.#scripts) {
      const now = this.#clock.monotonic()
      if (run !== this.#run) return
      if (script.dueAt > now) continue
      script.dueAt = script.intervalMs === 0 ? Number.POSITIVE_INFINITY : Math.max(script.dueAt + script.intervalMs, now + 1)
      await this.#runScript(script, run)
    }
  }

  async #runScript(script: Script, run: number): Promise<void> {
    try {
      for (const step of script.steps) {
        if (step.waitMs > 0) await this.#pause(step.waitMs)
        if (run !== this.#run) return
        await this.#perform(step)
      }
      this.#report(true, '')
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      if (run !== this.#run) return
      this.#events.warn(`script ${script.name}`, 'a script has failed', { script: script.name, reason: describeError(error) })
      this.#report(false, error.message)
    }
  }

  #report(answers: boolean, reason: string): void {
    if (answers === !this.#failing) return
    this.#failing = !answers
    this.#events.answering(undefined, answers, reason)
  }

  async #perform(step: Step): Promise<void> {
    if (step.silent) return this.#events.write(step.bytes)
    let timer: Timer | undefined
    const answered = new Promise<void>((resolve, reject) => {
      this.#settle = error => (error === undefined ? resolve() : reject(error))
      timer = this.#clock.setTimer(step.timeoutMs, () => reject(new GatewayError('timeout', 'no answer', { retryable: true })))
    })
    answered.catch(() => {})
    this.#reader.waiter = { judge: text => this.#judge(step, text) }
    try {
      await this.#events.write(step.bytes)
      await answered
    } finally {
      this.#clock.clearTimer(timer)
      this.#reader.waiter = undefined
      this.#settle = undefined
    }
  }

  #judge(step: Step, text: string): Fields | boolean {
    if (step.fail?.parse(text) !== undefined) {
      this.#settle?.(new GatewayError('refused', `the device answers ${JSON.stringify(text.slice(0, 64))}`))
      return false
    }
    const fields = step.expect === undefined ? true : step.expect.parse(text)
    if (fields === undefined) return false
    this.#reader.waiter = undefined
    this.#settle?.(undefined)
    return fields
  }

  async #pause(delayMs: number): Promise<void> {
    let timer: Timer | undefined
    await new Promise<void>(resolve => {
      this.#wake = resolve
      timer = this.#clock.setTimer(delayMs, resolve)
    })
    this.#clock.clearTimer(timer)
    this.#wake = undefined
  }
}

function scriptOf(name: string, script: ScriptConfig, config: SpeechConfig): Script {
  return { name, intervalMs: script.interval, dueAt: 0, steps: script.steps.map(step => stepOf(step, config)) }
}

/** The bytes that a step sends. */
export function bytesOfStep(
  step: { send?: string | undefined; send_hex?: string | undefined },
  encoding: SpeechConfig['encoding'],
): Uint8Array {
  return step.send === undefined ? Buffer.from((step.send_hex ?? '').replaceAll(' ', ''), 'hex') : encodeText(step.send, encoding)
}

function stepOf(step: StepConfig, config: SpeechConfig): Step {
  return {
    bytes: bytesOfStep(step, config.encoding),
    expect: step.expect ? new RegexParser(step.expect, false) : undefined,
    fail: step.fail ? new RegexParser(step.fail, false) : undefined,
    silent: step.expect === '',
    timeoutMs: step.timeout,
    waitMs: step.wait,
  }
}
