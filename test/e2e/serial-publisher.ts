import { Pace } from './pace.ts'
import type { SerialLine } from './serial-line.ts'

const DIGITS = 8

/** A meter that says its numbers, whether anybody listens or not: `N=00000042;`. */
export class SerialPublisher {
  /** For the configuration: takes whole lines only, so that half of one is never taken for another. */
  static readonly pattern = `^N=(?<n>[0-9]{${DIGITS}});$`
  next = 0
  readonly #line: SerialLine
  #pace: Pace | undefined

  constructor(line: SerialLine) {
    this.#line = line
  }

  flow(perSecond: number): void {
    this.#pace = new Pace(perSecond, () => this.#line.send(`N=${String(this.next++).padStart(DIGITS, '0')};\n`))
  }

  halt(): void {
    this.#pace?.stop()
  }
}
