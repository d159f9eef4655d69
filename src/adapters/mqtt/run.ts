/** Consecutive QoS 0 PUBLISH packets on one topic, as they came. */
import { Message, type PublishRun } from '#broker/ports.ts'
import { frameLength, type MqttVersion, PublishScan, scanPublish } from '#codecs/mqtt/index.ts'

export const RUN_FORMAT_3 = 'mqtt 3 publish'
/** Without any property. */
export const RUN_FORMAT_5 = 'mqtt 5 publish'

const scan = new PublishScan()

/** Reused by its connection: valid during `publishRun` alone. */
export class QosZeroRun implements PublishRun {
  format: string
  bytes: Uint8Array
  start = 0
  end = 0
  count = 0
  topic = ''
  readonly #version: MqttVersion
  #messages: Message[] | undefined

  constructor(version: MqttVersion) {
    this.#version = version
    this.format = version === 5 ? RUN_FORMAT_5 : RUN_FORMAT_3
    this.bytes = NOTHING
  }

  begin(bytes: Uint8Array, start: number, topic: string): void {
    this.bytes = bytes
    this.start = start
    this.count = 0
    this.topic = topic
    this.#messages = undefined
  }

  messages(): Message[] {
    this.#messages ??= this.#takeApart()
    return this.#messages
  }

  #takeApart(): Message[] {
    const messages: Message[] = []
    for (let at = this.start; at < this.end; ) {
      const next = at + frameLength(this.bytes, at, this.end)
      scanPublish(this.bytes, at, next, this.#version, scan)
      const payload = Buffer.from(this.bytes.subarray(scan.payloadStart, next))
      messages.push(new Message(this.topic, payload, 0, payload.length, 0, false))
      at = next
    }
    return messages
  }
}

const NOTHING = new Uint8Array(0)
