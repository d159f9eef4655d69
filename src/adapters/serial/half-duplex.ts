import type { Clock } from '#base/clock.ts'
import type { LineSettings, Port } from './port.ts'

/** The wires of an open port. */
export interface Wires {
  set(options: { rts?: boolean }): Promise<void>
  drain(): Promise<void>
}

/**
 * A port whose RTS wire switches the direction of an RS-485 line: one write at a time, with the wire at its sending level from
 * before the first bit until after the last.
 */
export class HalfDuplexPort implements Port {
  readonly #port: Port
  readonly #wires: Wires
  readonly #rts: NonNullable<LineSettings['rts']>
  readonly #clock: Clock
  #busy: Promise<void>

  constructor(port: Port, wires: Wires, rts: NonNullable<LineSettings['rts']>, clock: Clock) {
    this.#port = port
    this.#wires = wires
    this.#rts = rts
    this.#clock = clock
    // From the start on the line belongs to the others.
    this.#busy = wires.set({ rts: !rts.level }).catch(() => {})
  }

  write(bytes: Uint8Array): Promise<void> {
    const copy = bytes.slice()
    const done = this.#busy.then(() => this.#send(copy))
    this.#busy = done.catch(() => {})
    return done
  }

  pause(): void {
    this.#port.pause()
  }

  resume(): void {
    this.#port.resume()
  }

  close(): Promise<void> {
    return this.#port.close()
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const { level, beforeMs, afterMs } = this.#rts
    await this.#wires.set({ rts: level })
    try {
      await this.#pause(beforeMs)
      await this.#port.write(bytes)
      await this.#wires.drain()
      await this.#pause(afterMs)
    } finally {
      await this.#wires.set({ rts: !level }).catch(() => {})
    }
  }

  async #pause(delayMs: number): Promise<void> {
    if (delayMs > 0) await new Promise<void>(resolve => void this.#clock.setTimer(delayMs, resolve))
  }
}
