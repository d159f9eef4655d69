import type { Clock } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import { type DeframerCounters, decodeText, encodeText } from '#codecs/framing/index.ts'
import type { SpeechConfig } from './config-keys.ts'
import { FrameReader, type LineCounters } from './frame-reader.ts'
import { Points } from './points.ts'
import type { Protocol, ProtocolEvents } from './protocol.ts'
import { ScriptRunner } from './script-runner.ts'

/** Devices that speak by themselves or when a script asks them: lines, frames, raw bytes. */
export class StreamProtocol implements Protocol {
  readonly polls: boolean
  readonly filters: readonly string[]
  readonly #config: SpeechConfig
  readonly #points: Points
  readonly #reader: FrameReader
  readonly #events: ProtocolEvents
  readonly #scripts: ScriptRunner | undefined
  readonly #end: Uint8Array

  /** @throws GatewayError `config-invalid` */
  constructor(config: SpeechConfig, clock: Clock, events: ProtocolEvents) {
    this.#config = config
    this.#events = events
    this.#points = new Points(config.points)
    this.#reader = new FrameReader(config, this.#points, {
      reading: reading => events.reading(reading),
      malformed: reason => events.warn('line-malformed', 'a line cannot be read', { reason }),
    })
    this.#end = encodeText(config.write_end ?? config.delimiter, config.encoding)
    const scripted = Object.keys(config.scripts).length > 0
    this.polls = scripted
    const answering: ProtocolEvents['answering'] = (unit, answers, reason) => {
      if (!answers) this.#spoil(reason)
      events.answering(unit, answers, reason)
    }
    this.#scripts = scripted ? new ScriptRunner(config, clock, this.#reader, { ...events, answering }) : undefined
    this.filters = filtersOf(config)
  }

  get idleMs(): number {
    return this.#reader.idleMs
  }

  get framing(): Readonly<DeframerCounters> {
    return this.#reader.framing
  }

  get lines(): Readonly<LineCounters> {
    return this.#reader.counters
  }

  opened(): void {
    this.#scripts?.start()
  }

  push(bytes: Uint8Array): void {
    this.#reader.push(bytes)
  }

  idle(): void {
    this.#reader.idle()
  }

  lost(): void {
    this.#reader.reset()
    this.#scripts?.stop()
    if (this.polls) this.#spoil('the port is not open')
  }

  stop(): void {
    this.#scripts?.stop()
  }

  /** Says of each point that there is no value, and why. */
  #spoil(error: string): void {
    for (const [point, { type, unit }] of Object.entries(this.#config.points)) {
      if (type !== 'command') this.#events.reading({ point, text: '', value: null, unit, good: false, error })
    }
  }

  command(topic: string, payload: Uint8Array): Promise<void> {
    const { config, points } = { config: this.#config, points: this.#points }
    const write = (bytes: Uint8Array) =>
      this.#scripts ? this.#scripts.between(() => this.#events.write(bytes)) : this.#events.write(bytes)
    if (topic === 'raw/set') return write(payload)
    if (payload.length > config.max_length) throw new GatewayError('encode-range', `a write has ${config.max_length} bytes at most`)
    if (topic === 'write') return write(withEnd(payload, this.#end))
    const point = topic.slice(0, -'/set'.length)
    return write(withEnd(encodeText(points.writeLine(point, decodeText(payload, 'utf8')), config.encoding), this.#end))
  }
}

function filtersOf(config: SpeechConfig): string[] {
  if (config.framing === 'raw') return ['raw/set']
  const filters: string[] = []
  if (config.write) filters.push('write')
  if (Object.values(config.points).some(point => point.set !== undefined)) filters.push('+/set')
  return filters
}

/** `line` with its end, unless it brings it already. */
function withEnd(line: Uint8Array, end: Uint8Array): Uint8Array {
  if (end.length === 0 || (line.length >= end.length && Buffer.compare(line.subarray(line.length - end.length), end) === 0)) return line
  return Buffer.concat([line, end])
}
