import type { LineSettings, Port, PortEvents, PortOpener } from '#adapters/serial/port.ts'
import { GatewayError } from '#base/errors.ts'

/** An adapter on the bench: plugged in and pulled out by the test, with a device behind it that hears and speaks. */
export class FakePort implements PortOpener {
  plugged = true
  /** Another program has it. */
  locked = false
  /** Opening does not end before the test lets it. */
  held: (() => void)[] | undefined
  /** The device takes nothing: writes stay unfinished. */
  stuck = false
  paused = false
  opens = 0
  attempts = 0
  /** Ports that are open at this moment. */
  openNow = 0
  readonly heard: string[] = []
  settings: LineSettings | undefined
  #events: PortEvents | undefined

  async open(settings: LineSettings, events: PortEvents): Promise<Port> {
    this.attempts++
    this.settings = settings
    if (this.held) await new Promise<void>(resolve => this.held?.push(resolve))
    if (this.locked) throw new GatewayError('port-unavailable', `${settings.path} is in use by another program`, { retryable: true })
    if (!this.plugged) throw new GatewayError('port-unavailable', `${settings.path} is not there`, { retryable: true })
    this.opens++
    this.openNow++
    this.#events = events
    let closed = false
    const close = async () => {
      if (closed) return
      closed = true
      this.openNow--
      if (this.#events === events) this.#events = undefined
    }
    return {
      write: async bytes => {
        if (closed) throw new GatewayError('connection-lost', 'the port is closed')
        this.heard.push(Buffer.from(bytes).toString())
        if (this.stuck) await new Promise(() => {})
      },
      pause: () => {
        this.paused = true
      },
      resume: () => {
        this.paused = false
      },
      close,
    }
  }

  /** The device says something. */
  say(text: string): void {
    this.#events?.data(Buffer.from(text))
  }

  /** The same in bytes. */
  bytes(bytes: Uint8Array): void {
    this.#events?.data(Buffer.from(bytes))
  }

  pull(reason = 'hung up'): void {
    this.plugged = false
    const events = this.#events
    if (events === undefined) return
    this.#events = undefined
    this.openNow--
    events.lost(reason)
  }
}

/** Lets everything that is ready run: promises and immediates, no time. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise(resolve => setImmediate(resolve))
}
