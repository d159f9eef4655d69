import type { Clock, Timer } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import { isModbus } from '../config-check.ts'
import type { Profile } from '../profile/schema.ts'
import { ModbusSlave, REQUEST_IDLE_MS } from './slave.ts'
import { Talker } from './talker.ts'
import { MovingValues } from './values.ts'

/** A device made from its profile: give it the bytes that it hears, and it sends what the device would. */
export class SimulatedDevice {
  readonly #clock: Clock
  readonly #profile: Profile
  readonly #device: ModbusSlave | Talker
  #speakTimer: Timer | undefined
  #idleTimer: Timer | undefined
  #running = false

  /** @throws GatewayError `not-found` for a profile without a serial line */
  constructor(profile: Profile, clock: Clock, send: (bytes: Uint8Array) => void) {
    const { serial } = profile
    if (serial === undefined) throw new GatewayError('not-found', 'this profile describes no serial device')
    this.#clock = clock
    this.#profile = profile
    const values = new MovingValues(profile.simulate.values, clock)
    this.#device = isModbus(serial) ? new ModbusSlave(profile, serial, values, send) : new Talker(profile, serial, values, send)
  }

  start(): void {
    this.#running = true
    if (this.#device instanceof Talker && this.#device.speaks) this.#speak(this.#device)
  }

  stop(): void {
    this.#running = false
    this.#clock.clearTimer(this.#speakTimer)
    this.#clock.clearTimer(this.#idleTimer)
  }

  push(bytes: Uint8Array): void {
    this.#clock.clearTimer(this.#idleTimer)
    this.#idleTimer = this.#clock.setTimer(REQUEST_IDLE_MS, () => this.#device.idle())
    this.#device.push(bytes)
  }

  #speak(talker: Talker): void {
    if (!this.#running) return
    talker.speak()
    this.#speakTimer = this.#clock.setTimer(this.#profile.simulate.interval, () => this.#speak(talker))
  }
}
