import type { Message, Records } from '#broker/ports.ts'

const PREFIX = 'dead/'
const LETTERS_MAX = 200
const BYTES_MAX = 4 * 1024 * 1024
/** Of a longer payload only the beginning is kept. */
const PAYLOAD_MAX = 256 * 1024

/** What is kept of a message that the upstream would not take. */
export interface DeadLetter {
  key: string
  topic: string
  qos: number
  retain: boolean
  publisher: string
  /** Wall-clock time at which it was taken, and at which it was put aside; ms since 1970. */
  timeMs: number
  atMs: number
  why: string
  /** Length of the whole payload; `payload` may hold less. */
  payloadBytes: number
  payload: Uint8Array
}

/**
 * Messages that were put aside so that the rest flows: in the bridge's records, a bounded number of them. When
 * it is full the oldest goes.
 */
export class DeadLetters {
  readonly #records: Records
  readonly #sizes = new Map<string, number>()
  #bytes = 0
  #next = 1
  /** Since the start. */
  count = 0

  constructor(records: Records) {
    this.#records = records
    const stored: [string, number][] = []
    for (const [key, value] of records.entries()) if (key.startsWith(PREFIX)) stored.push([key, value.length])
    stored.sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [key, bytes] of stored) this.#note(key, bytes)
    const last = Number(stored.at(-1)?.[0].slice(PREFIX.length))
    if (Number.isSafeInteger(last)) this.#next = last + 1
  }

  /** How many are kept. */
  get kept(): number {
    return this.#sizes.size
  }

  add(message: Message, timeMs: number, atMs: number, why: string): void {
    this.count++
    const { topic, qos, retain, publisher } = message
    const whole = message.payload
    const head = Buffer.from(JSON.stringify({ topic, qos, retain, publisher, timeMs, atMs, why, payloadBytes: whole.length }))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(head.length)
    const value = Buffer.concat([length, head, whole.subarray(0, PAYLOAD_MAX)])
    const key = PREFIX + String(this.#next++).padStart(15, '0')
    this.#records.put(key, value)
    this.#note(key, value.length)
    for (const oldest of this.#sizes.keys()) {
      if (this.#sizes.size <= LETTERS_MAX && this.#bytes <= BYTES_MAX) break
      this.remove(oldest)
    }
  }

  /** All that are kept, oldest first. */
  list(): DeadLetter[] {
    const letters: DeadLetter[] = []
    for (const key of this.#sizes.keys()) {
      const value = this.#records.get(key)
      const letter = value === undefined ? undefined : parseLetter(key, value)
      if (letter !== undefined) letters.push(letter)
    }
    return letters
  }

  remove(key: string): void {
    this.#bytes -= this.#sizes.get(key) ?? 0
    if (this.#sizes.delete(key)) this.#records.delete(key)
  }

  #note(key: string, bytes: number): void {
    this.#sizes.set(key, bytes)
    this.#bytes += bytes
  }
}

function parseLetter(key: string, value: Uint8Array): DeadLetter | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  if (bytes.length < 4) return undefined
  const end = 4 + bytes.readUInt32BE()
  try {
    return { key, ...JSON.parse(bytes.toString('utf8', 4, end)), payload: bytes.subarray(end) } as DeadLetter
  } catch {
    return undefined
  }
}
