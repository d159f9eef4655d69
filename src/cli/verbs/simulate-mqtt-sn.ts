/** `tidegate simulate mqtt-sn`: a node that publishes readings, prints what it gets, and may sleep in between. */
import { GatewayError } from '#base/errors.ts'
import { openSnSocket, SnClient, type SnMessage, type SnSocket } from '#clients/mqtt-sn/index.ts'
import type { SnQos, TopicReference } from '#codecs/mqtt-sn/index.ts'
import type { Context } from '../context.ts'
import { flag, text, texts, time, usage, type Values, whole, word } from '../option.ts'
import { EXIT } from '../verb.ts'
import { simulatedKind } from './simulate-kind.ts'

const DEFAULT_PORT = 1884
const DEFAULT_INTERVAL_MS = 5000
const SLEEP_MAX_MS = 65_535_000

const options = {
  host: text('HOST', 'where the gateway is (default 127.0.0.1)'),
  port: whole('PORT', `its UDP port (default ${DEFAULT_PORT})`, { min: 1, max: 65_535 }),
  'client-id': text('ID', 'the name of the node (default: a new one)'),
  topic: text('TOPIC', 'where it publishes its readings; two characters are a short name', { short: 't' }),
  predefined: whole('ID', 'publishes by this predefined topic id instead', { min: 1, max: 65_534 }),
  message: text('TEXT', 'the payload (default: a reading in JSON)', { short: 'm' }),
  qos: word(['-1', '0', '1', '2'], 'how it publishes and subscribes (default 1); -1 publishes without a connection', { short: 'q' }),
  retain: flag('publishes retained', { short: 'r' }),
  interval: time('TIME', 'how often it publishes (default 5s)'),
  subscribe: texts('FILTER', 'what it subscribes to and prints', { short: 's' }),
  sleep: time('TIME', 'sleeps this long between its readings; then it wakes and gets what has waited'),
  'keep-session': flag('keeps its subscriptions and messages for the next time', { short: 'c' }),
  'keep-alive': time('TIME', 'how long it may be silent while awake (default 60s)'),
  'will-topic': text('TOPIC', 'where the gateway tells of its loss'),
  'will-message': text('TEXT', 'what it tells then'),
  count: whole('N', 'ends after N readings, or without a topic after N wakings', { short: 'C', min: 1, max: 1_000_000_000 }),
}

type SnValues = Values<typeof options>

export const simulatedMqttSn = simulatedKind({
  name: 'mqtt-sn',
  summary: 'a sensor node over UDP, which may sleep',
  options,
  examples: [
    ['mqtt-sn -t sensors/hall/temperature', 'a node that publishes every five seconds'],
    ['mqtt-sn --client-id cellar -t cellar/level -s "cellar/#" --sleep 1m', 'one that sleeps, and gets its messages each minute'],
    ['mqtt-sn --predefined 1 -q -1', 'one that publishes without a connection'],
  ],
  async run(values, context) {
    const node = new SimulatedNode(values, context)
    context.surroundings.onSignal('SIGINT', () => node.stop())
    context.surroundings.onSignal('SIGTERM', () => node.stop())
    context.terminal.onClosed = () => node.stop()
    await node.run()
    return EXIT.done
  },
})

class SimulatedNode {
  readonly #values: SnValues
  readonly #context: Context
  readonly #clientId: string
  readonly #qos: SnQos
  #socket!: SnSocket
  #client!: SnClient
  #readings = 0
  #stopped = false
  #lost = false
  #interrupt: () => void = () => {}

  constructor(values: SnValues, context: Context) {
    const { topic, predefined, qos = '1', subscribe, sleep } = values
    if (topic !== undefined && predefined !== undefined) throw usage('--topic and --predefined exclude each other')
    if (topic === undefined && predefined === undefined && subscribe.length === 0)
      throw usage('it has nothing to do', '-t TOPIC, --predefined ID or -s FILTER')
    if (sleep !== undefined && (sleep < 1000 || sleep > SLEEP_MAX_MS)) throw usage('--sleep wants a time from 1s to 65535s')
    if (qos === '-1') refuseUnconnected(values)
    this.#values = values
    this.#context = context
    this.#qos = Number(qos) as SnQos
    this.#clientId = values['client-id'] ?? `simulated-${Buffer.from(context.parts.clock.randomBytes(4)).toString('hex')}`
  }

  stop(): void {
    this.#stopped = true
    this.#interrupt()
  }

  async run(): Promise<void> {
    const { host = '127.0.0.1', port = DEFAULT_PORT } = this.#values
    this.#socket = await openSnSocket(host, port, bytes => this.#client.receive(bytes))
    this.#client = this.#makeClient()
    try {
      await (this.#qos < 0 ? this.#publishLoosely() : this.#live())
      if (this.#client.connected) await this.#client.disconnect()
    } finally {
      this.#client.close()
      this.#socket.close()
    }
  }

  #makeClient(): SnClient {
    const { 'keep-session': keepSession, 'keep-alive': keepAliveMs = 60_000, sleep } = this.#values
    const { 'will-topic': willTopic, 'will-message': willMessage = '' } = this.#values
    return new SnClient({
      clientId: this.#clientId,
      // What a sleeping node has subscribed to must outlast the CONNECT with which it comes back to publish.
      cleanSession: !keepSession && sleep === undefined,
      keepAliveSeconds: Math.min(65_535, Math.ceil(keepAliveMs / 1000)),
      will: willTopic === undefined ? undefined : { topic: willTopic, message: Buffer.from(willMessage), qos: 1, retain: false },
      clock: this.#context.parts.clock,
      send: bytes => this.#socket.send(bytes),
      onMessage: message => this.#print(message),
      onDisconnect: () => {
        this.#lost = true
        this.#interrupt()
      },
    })
  }

  async #publishLoosely(): Promise<void> {
    while (!this.#done) {
      await this.#publish()
      if (!this.#done) await this.#wait(this.#values.interval ?? DEFAULT_INTERVAL_MS)
    }
  }

  async #live(): Promise<void> {
    const { subscribe, sleep, interval = DEFAULT_INTERVAL_MS } = this.#values
    await this.#client.connect()
    this.#say(`connected as ${this.#clientId}`)
    for (const filter of subscribe) await this.#client.subscribe({ kind: 'name', name: filter }, this.#qos as 0 | 1 | 2)
    await this.#read()
    while (!this.#done) {
      if (sleep === undefined) await this.#wait(interval)
      else await this.#sleep(sleep)
      if (this.#lost) throw new GatewayError('connection-lost', 'the gateway has ended the connection', { retryable: true })
      if (!this.#stopped) await this.#read()
    }
  }

  async #sleep(ms: number): Promise<void> {
    await this.#client.sleep(Math.ceil(ms / 1000))
    this.#say(`asleep for ${Math.ceil(ms / 1000)} s`)
    await this.#wait(ms)
    if (this.#stopped || this.#lost) return
    this.#say('awake')
    await this.#client.wake()
    if (this.#publishes) await this.#client.connect()
  }

  /** One reading, or for a node that only listens: one waking. */
  async #read(): Promise<void> {
    if (this.#publishes) return this.#publish()
    if (this.#values.sleep !== undefined) this.#readings++
  }

  async #publish(): Promise<void> {
    this.#readings++
    const payload = this.#values.message ?? reading(this.#readings)
    await this.#client.publish(await this.#topic(), Buffer.from(payload), this.#qos, this.#values.retain)
    this.#say(`published ${payload}`)
  }

  async #topic(): Promise<TopicReference> {
    const { topic = '', predefined } = this.#values
    if (predefined !== undefined) return { kind: 'predefined', id: predefined }
    if (Buffer.byteLength(topic) === 2) return { kind: 'short', name: topic }
    return { kind: 'normal', id: await this.#client.register(topic) }
  }

  get #publishes(): boolean {
    return this.#values.topic !== undefined || this.#values.predefined !== undefined
  }

  get #done(): boolean {
    return this.#stopped || this.#readings >= (this.#values.count ?? Number.POSITIVE_INFINITY)
  }

  #wait(ms: number): Promise<void> {
    const { clock } = this.#context.parts
    return new Promise(resolve => {
      // The clock's timers do not keep the process alive, the socket does.
      const timer = clock.setTimer(ms, resolve)
      this.#interrupt = () => {
        clock.clearTimer(timer)
        resolve()
      }
      if (this.#stopped || this.#lost) this.#interrupt()
    })
  }

  #print({ topic, payload }: SnMessage): void {
    this.#context.terminal.write(Buffer.concat([Buffer.from(`${topic} `), payload, Buffer.from('\n')]))
  }

  #say(line: string): void {
    this.#context.terminal.complain(line)
  }
}

function refuseUnconnected({ subscribe, sleep, topic }: SnValues): void {
  if (subscribe.length > 0 || sleep !== undefined)
    throw usage('QoS -1 publishes without a connection: neither --subscribe nor --sleep go with it')
  if (topic !== undefined && Buffer.byteLength(topic) !== 2) throw usage('QoS -1 goes by a short name of two characters or by --predefined')
}

/** A temperature that goes up and down. */
function reading(n: number): string {
  return JSON.stringify({ n, value: Math.round((20 + 2 * Math.sin(n / 10)) * 100) / 100 })
}
