import { GatewayError } from '#base/errors.ts'
import type { MqttClient, ReceivedMessage } from '#clients/mqtt/index.ts'
import type { Context } from '../context.ts'
import { connectFrom, mqttOptions } from '../mqtt-options.ts'
import { flag, texts, time, usage, type Values, whole } from '../option.ts'
import { EXIT, verb } from '../verb.ts'

const options = {
  topic: texts('FILTER', 'what to subscribe to', { short: 't' }),
  qos: whole('QOS', 'the most that messages come with: 0, 1 or 2 (default 0)', { short: 'q', min: 0, max: 2 }),
  verbose: flag('prints the topic before each payload', { short: 'v' }),
  json: flag('prints each message as one line of JSON'),
  'no-newline': flag('prints no newline after a payload', { short: 'N' }),
  count: whole('N', 'ends after N messages', { short: 'C', min: 1, max: 1_000_000_000 }),
  timeout: time('TIME', 'ends after this time, such as 30s; with --count it is then a failure', { short: 'W' }),
  'keep-session': flag('keeps the session, and what is queued for it, for the next time; needs --id', { short: 'c' }),
  'no-retained': flag('leaves out messages that were retained before', { short: 'R' }),
  ...mqttOptions,
}

type SubValues = Values<typeof options>

export const subVerb = verb({
  name: 'sub',
  group: 'messages',
  summary: 'subscribes to topics of an MQTT server and prints what comes',
  description: 'Goes on until it is stopped, by SIGINT, --count or --timeout.',
  options,
  examples: [
    ['-t "sensors/#" -v', 'everything below sensors, with topics'],
    ['-t boiler/temp -C 1', 'the next value, or the retained one'],
    ['-i desk -c -q 1 -t "alarms/#"', 'misses nothing between two runs'],
  ],
  async run(values, _positionals, context) {
    if (values.topic.length === 0) throw usage('--topic is missing', '-t FILTER')
    if (values['keep-session'] && values.id === undefined) throw usage('--keep-session needs the id of the session', 'add --id ID')
    const printer = new Printer(values, context)
    const client = await connectFrom(
      values,
      {
        cleanStart: !values['keep-session'],
        onMessage: message => printer.take(message),
        onClose: error => printer.end(error ?? new GatewayError('connection-lost', 'the server closed the connection')),
      },
      context,
    )
    const { surroundings, terminal } = context
    surroundings.onSignal('SIGINT', () => printer.end())
    surroundings.onSignal('SIGTERM', () => printer.end())
    terminal.onClosed = () => printer.end()
    try {
      await subscribe(client, values)
      await printer.ended
    } finally {
      printer.end()
      await client.end()
    }
    return EXIT.done
  },
})

async function subscribe(client: MqttClient, values: SubValues): Promise<void> {
  const qos = (values.qos ?? 0) as 0 | 1 | 2
  await client.subscribe(values.topic, { qos, retainAsPublished: false, retainHandling: values['no-retained'] ? 2 : 0 })
}

/** Prints messages until it has enough. */
class Printer {
  /** Resolves when there is nothing more to do; rejects when that is a failure. */
  readonly ended: Promise<void>
  readonly #values: SubValues
  readonly #context: Context
  #resolve: () => void = () => {}
  #reject: (error: GatewayError) => void = () => {}
  #printed = 0
  #done = false
  #timer: object | undefined

  constructor(values: SubValues, context: Context) {
    this.#values = values
    this.#context = context
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // It may end before anybody waits for it.
    this.ended.catch(() => {})
    const { timeout } = values
    if (timeout !== undefined) this.#timer = context.parts.clock.setTimer(timeout, () => this.#timedOut())
  }

  take(message: ReceivedMessage): void {
    const { count, 'no-retained': noRetained } = this.#values
    if (this.#done || (noRetained && message.retain)) return
    this.#print(message)
    this.#printed++
    // Whoever waits goes on after this turn: the last message is acknowledged as well.
    if (this.#printed === count) this.end()
  }

  end(error?: GatewayError): void {
    this.#finish(() => (error === undefined ? this.#resolve() : this.#reject(error)))
  }

  #timedOut(): void {
    const { count } = this.#values
    if (count === undefined) return this.end()
    this.end(new GatewayError('timeout', `only ${this.#printed} of ${count} messages came in time`))
  }

  #finish(settle: () => void): void {
    if (this.#done) return
    this.#done = true
    this.#context.parts.clock.clearTimer(this.#timer)
    settle()
  }

  #print(message: ReceivedMessage): void {
    const { terminal } = this.#context
    const { verbose, json, 'no-newline': noNewline } = this.#values
    if (json) return terminal.line(JSON.stringify(jsonOf(message, this.#context.parts.clock.now())))
    const head = Buffer.from(verbose ? `${message.topic} ` : '')
    terminal.write(Buffer.concat([head, message.payload, Buffer.from(noNewline ? '' : '\n')]))
  }
}

/** A message as the API shows one: text where the payload is UTF-8, else base64. */
function jsonOf({ topic, payload, qos, retain, dup, properties }: ReceivedMessage, nowMs: number): object {
  const received = { topic, qos, retain, dup, received_at: new Date(nowMs).toISOString() }
  const more = properties === undefined ? {} : { properties: propertiesOf(properties) }
  try {
    return {
      ...received,
      payload: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload),
      payload_encoding: 'plain',
      ...more,
    }
  } catch {
    return { ...received, payload: Buffer.from(payload).toString('base64'), payload_encoding: 'base64', ...more }
  }
}

function propertiesOf(properties: NonNullable<ReceivedMessage['properties']>): object {
  const entries = Object.entries(properties).map(([name, value]) => {
    const key = name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
    return [key, value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value]
  })
  return Object.fromEntries(entries)
}
