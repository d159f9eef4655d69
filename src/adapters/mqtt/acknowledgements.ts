/**
 * What a connection still has to answer, in the order in which it was asked [MQTT-4.6.0-2]: an answer leaves when
 * the store has committed what it promises, and never before the one in front of it.
 */
import type { Position } from '#broker/ports.ts'
import type { Output } from './output.ts'

/** An answer that is more than four bytes, or with something to be done once it is written. */
export interface Answer {
  frame: Uint8Array
  after?: () => void
}

export class Acknowledgements {
  #positions: Position[] = []
  /** Header byte and packet id of a plain acknowledgement, or −1: the answer is in `#answers`. */
  #codes: number[] = []
  #answers: Answer[] = []
  #head = 0

  get length(): number {
    return this.#positions.length - this.#head
  }

  /** How many plain acknowledgements with this header byte wait. */
  count(header: number): number {
    let count = 0
    for (let i = this.#head; i < this.#codes.length; i++) if (this.#codes[i] >>> 16 === header) count++
    return count
  }

  /** Puts a plain acknowledgement at the end. */
  push(position: Position, header: number, packetId: number): void {
    this.#positions.push(position)
    this.#codes.push((header << 16) | packetId)
  }

  pushAnswer(position: Position, answer: Answer): void {
    this.#positions.push(position)
    this.#codes.push(-1)
    this.#answers.push(answer)
  }

  /** Writes all that `committed` lets go. Returns how many plain acknowledgements those were. */
  release(committed: Position, output: Output): number {
    let plain = 0
    // What follows an answer may bring answers of its own, and release them.
    while (this.#head < this.#positions.length && this.#positions[this.#head] <= committed) {
      const code = this.#codes[this.#head++]
      if (code >= 0) {
        output.putAcknowledgement(code >>> 16, code & 0xffff)
        plain++
        continue
      }
      const { frame, after } = this.#answers.shift()!
      output.put(frame, 0, frame.length)
      after?.()
    }
    if (this.#head === this.#positions.length) this.#reset()
    else if (this.#head > 1024) this.#compact()
    return plain
  }

  #reset(): void {
    this.#positions = []
    this.#codes = []
    this.#head = 0
  }

  #compact(): void {
    this.#positions.splice(0, this.#head)
    this.#codes.splice(0, this.#head)
    this.#head = 0
  }
}
