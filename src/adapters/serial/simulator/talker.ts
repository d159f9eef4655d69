import { checkBytes, checkSize, usualOrder } from '#codecs/framing/checks.ts'
import {
  binarySize,
  encodeBinary,
  encodeCobs,
  encodeDsmr,
  encodeNmea,
  encodeSlip,
  encodeText,
  encodeVeDirect,
} from '#codecs/framing/index.ts'
import type { SpeechConfig } from '../config-keys.ts'
import { blockOptions } from '../framing.ts'
import { binaryTypeOf } from '../parsers.ts'
import type { Profile } from '../profile/schema.ts'
import { vectorBytes } from '../profile/vectors.ts'
import { bytesOfStep } from '../script-runner.ts'
import { unscaled } from '../value.ts'
import { fillPlaces, type MovingValues } from './values.ts'

/** What a device says that is no Modbus unit: by itself, or when it is asked. */
export class Talker {
  readonly #profile: Profile
  readonly #speech: SpeechConfig
  readonly #values: MovingValues
  readonly #send: (bytes: Uint8Array) => void
  readonly #questions: readonly { request: Uint8Array; answer: string | undefined }[]
  #turn = 0
  #heard: Uint8Array = new Uint8Array(0)

  constructor(profile: Profile, speech: SpeechConfig, values: MovingValues, send: (bytes: Uint8Array) => void) {
    this.#profile = profile
    this.#speech = speech
    this.#values = values
    this.#send = send
    this.#questions = profile.simulate.answers.map(({ request, request_hex, answer }) => ({
      request: bytesOfStep({ send: request, send_hex: request_hex?.replace(/\s+/g, '') }, speech.encoding),
      answer,
    }))
  }

  /** Whether it speaks without being asked. */
  get speaks(): boolean {
    return this.#questions.length === 0
  }

  /** Says what is next. */
  speak(): void {
    const { lines } = this.#profile.simulate
    if (lines.length > 0) this.#send(this.#frame(lines[this.#turn++ % lines.length]!))
    else this.#send(this.#sample())
  }

  /** Bytes from the gateway: known questions are answered. */
  push(bytes: Uint8Array): void {
    this.#heard = Buffer.concat([this.#heard, bytes]).subarray(-1024)
    for (const { request, answer } of this.#questions) {
      const at = Buffer.from(this.#heard).indexOf(request)
      if (at < 0) continue
      this.#heard = this.#heard.subarray(at + request.length)
      this.#send(answer === undefined ? this.#sample() : this.#frame(answer))
      return
    }
  }

  idle(): void {}

  /** A text with its values, in its framing. */
  #frame(template: string): Uint8Array {
    const text = fillPlaces(template, this.#values)
    switch (this.#speech.framing) {
      case 'nmea':
        return encodeText(encodeNmea(text), 'ascii')
      case 'dsmr':
        return encodeText(encodeDsmr(text), 'latin1')
      case 've-direct':
        return encodeVeDirect(text.split('\n').map(line => line.split('\t') as [string, string]))
      default:
        return encodeText(text, this.#speech.encoding)
    }
  }

  /** The frame of a vector with values put into it and its check made anew. */
  #sample(): Uint8Array {
    const { vectors } = this.#profile
    const vector = vectors[this.#turn++ % vectors.length]!
    const frame = (vectorBytes(vector, 'response', this.#speech.encoding) ?? new Uint8Array(0)).slice()
    const { framing } = this.#speech
    if (framing === 'slip' || framing === 'cobs') return this.#stuffed(frame)
    if (framing !== 'fixed' && framing !== 'length-prefix') return frame
    this.#move(frame)
    const { end, check, checkOrder, checkFrom = 0 } = blockOptions(this.#speech)
    const checkAt = frame.length - end.length - checkSize(check)
    frame.set(checkBytes(check, checkOrder ?? usualOrder(check), frame, checkFrom, checkAt), checkAt)
    return frame
  }

  /** Content of a vector is given unstuffed where its framing stuffs. */
  #stuffed(content: Uint8Array): Uint8Array {
    this.#move(content)
    const { check, check_order: checkOrder, max_length: lengthMax } = this.#speech
    const options = { lengthMax, check, ...(checkOrder && { checkOrder }) }
    return this.#speech.framing === 'slip' ? encodeSlip(content, options) : encodeCobs(content, options)
  }

  #move(frame: Uint8Array): void {
    for (const [name, point] of Object.entries(this.#speech.points)) {
      const value = this.#values.at(name)
      const type = binaryTypeOf(point)
      if (value === undefined || point.at === undefined || point.at + binarySize(type, point.length) > frame.length) continue
      const raw = unscaled(point, value) ?? 0
      frame.set(
        encodeBinary(type, point.byte_order ?? this.#speech.byte_order, /^float/.test(type) ? raw : Math.round(raw), point.length),
        point.at,
      )
    }
  }
}
