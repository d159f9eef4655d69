import type { GatewayError } from '#base/errors.ts'
import type { MqttClient } from '#clients/mqtt/index.ts'
import type { Context } from '../context.ts'
import { linesOf } from '../lines.ts'
import { connectFrom, mqttOptions, readAll, readFile } from '../mqtt-options.ts'
import { flag, pathFrom, text, usage, type Values, whole } from '../option.ts'
import { EXIT, verb } from '../verb.ts'

/** The longest payload that MQTT can carry at all. */
const PAYLOAD_BYTES_MAX = 268_435_455
const LINE_BYTES_MAX = 16 * 1024 * 1024
/** Lines under way that the server has not acknowledged. */
const WINDOW_MAX = 100

const options = {
  topic: text('TOPIC', 'where to publish', { short: 't' }),
  message: text('TEXT', 'the payload', { short: 'm' }),
  file: text('FILE', 'takes the payload from a file', { short: 'f' }),
  stdin: flag('takes the payload from standard input, the whole of it', { short: 's' }),
  lines: flag('publishes each line of standard input as a message', { short: 'l' }),
  null: flag('publishes an empty payload', { short: 'n' }),
  qos: whole('QOS', '0, 1 or 2 (default 0)', { short: 'q', min: 0, max: 2 }),
  retain: flag('asks the server to keep the message for later subscribers', { short: 'r' }),
  ...mqttOptions,
}

type PubValues = Values<typeof options>

export const pubVerb = verb({
  name: 'pub',
  group: 'messages',
  summary: 'publishes messages to an MQTT server',
  description: 'With QoS 1 or 2 it ends when the server has acknowledged them; with a gateway they are then on its disk.',
  options,
  examples: [
    ['-t boiler/temp -m 71.5 -q 1', 'one message'],
    ['-t boiler/temp -r -n', 'clears a retained message'],
    ['-t log -l -q 1 < lines.txt', 'a message a line'],
  ],
  async run(values, _positionals, context) {
    const topic = checkedTopic(values)
    // Before connecting: a wrong file is found without a server.
    const payload = await payloadOf(values, context)
    const client = await connectFrom(values, { cleanStart: true }, context)
    try {
      await publishAll(client, topic, payload ?? linesOf(context.stdin, LINE_BYTES_MAX), values)
    } finally {
      await client.end()
    }
    return EXIT.done
  },
})

function checkedTopic({ topic }: PubValues): string {
  if (topic === undefined) throw usage('--topic is missing', '-t TOPIC')
  if (topic === '' || /[+#\0]/.test(topic))
    throw usage(`${JSON.stringify(topic)} is not a topic name`, 'it may not be empty or hold + or #')
  return topic
}

/** The one payload; undefined when each line is one. */
async function payloadOf(values: PubValues, context: Context): Promise<Uint8Array | undefined> {
  const { message, file, stdin, lines } = values
  const sources = [message !== undefined, file !== undefined, stdin, lines, values.null].filter(each => each)
  if (sources.length !== 1) throw usage('give the payload by one of -m, -f, -s, -l, -n')
  if ((stdin || lines) && values['password-stdin'])
    throw usage('standard input cannot hold both password and payload', 'use --password-file')
  if (message !== undefined) return Buffer.from(message)
  if (file !== undefined) return readFile(pathFrom(context.folder, file), 'the payload')
  if (stdin) return readAll(context.stdin, PAYLOAD_BYTES_MAX, 'the payload')
  return values.null ? new Uint8Array() : undefined
}

async function publishAll(
  client: MqttClient,
  topic: string,
  payloads: Uint8Array | AsyncIterable<Uint8Array>,
  { qos = 0, retain }: PubValues,
): Promise<void> {
  const how = { qos: qos as 0 | 1 | 2, retain }
  if (payloads instanceof Uint8Array) return client.publish(topic, payloads, how)
  const window = qos === 0 ? 1 : Math.min(WINDOW_MAX, client.terms.receiveMaximum)
  const pending: Promise<GatewayError | undefined>[] = []
  for await (const payload of payloads) {
    pending.push(outcomeOf(client.publish(topic, payload, how)))
    if (pending.length >= window) await settle(pending.shift())
  }
  for (const each of pending) await settle(each)
}

/** Kept as a value, so that a refusal is nobody's unhandled rejection while others are waited for. */
function outcomeOf(publish: Promise<void>): Promise<GatewayError | undefined> {
  return publish.then(
    () => undefined,
    (error: GatewayError) => error,
  )
}

async function settle(pending: Promise<GatewayError | undefined> | undefined): Promise<void> {
  const error = await pending
  if (error !== undefined) throw error
}
