/** Everything around a gateway that is killed again and again: devices of every kind, an upstream, and who counts. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { Mosquitto } from '../support/mosquitto.ts'
import { GatewayProcess, tidegate } from '../support/program.ts'
import { CoapPublisher } from './coap-publisher.ts'
import { Counter } from './counter.ts'
import { MqttPublisher } from './mqtt-publisher.ts'
import { SerialLine } from './serial-line.ts'
import { SerialPublisher } from './serial-publisher.ts'
import { SerialWitness } from './serial-witness.ts'

export const DEVICE = 'meter'
const WINDOW = 50

interface Programs {
  mosquitto: string
  socat: string
}

export interface BridgeView {
  state: string
  queued: number
  queued_bytes: number
  in_flight: number
  dead_letters: number
  dropped: Record<string, number>
}

export class PowerCutRig {
  readonly upstream: Mosquitto
  readonly counter: Counter
  readonly line: SerialLine
  readonly witness: SerialWitness
  readonly qos1: MqttPublisher
  readonly qos2: MqttPublisher
  readonly coap: CoapPublisher
  readonly serial: SerialPublisher
  /** How long each start took until `tidegate ready`, in ms. */
  readonly startsMs: number[] = []
  readonly #configFile: string
  #gateway: GatewayProcess | undefined

  static async set(folder: string, programs: Programs): Promise<PowerCutRig> {
    const [upstreamPort, mqttPort, coapPort] = [await freePort(), await freePort(), await freePort()]
    const upstream = new Mosquitto(programs.mosquitto, folder, upstreamPort)
    await upstream.start()
    const counter = new Counter({ port: upstreamPort, clientId: 'counter', filter: 'site/#' })
    await counter.subscribed
    const line = await SerialLine.open(programs.socat, join(folder, 'port'))
    const configFile = join(folder, 'tidegate.toml')
    writeFileSync(configFile, configuration({ upstreamPort, mqttPort, coapPort, serialPort: line.path }))
    return new PowerCutRig({ upstream, counter, line, configFile, mqttPort, coapPort })
  }

  private constructor(made: {
    upstream: Mosquitto
    counter: Counter
    line: SerialLine
    configFile: string
    mqttPort: number
    coapPort: number
  }) {
    const { mqttPort: port } = made
    this.upstream = made.upstream
    this.counter = made.counter
    this.line = made.line
    this.#configFile = made.configFile
    this.serial = new SerialPublisher(made.line)
    const witness = new SerialWitness({ port, device: DEVICE, sent: () => this.serial.next })
    this.witness = witness
    const watch = (name: string) => ({
      sending: (sequence: number) => witness.sending(`${name} ${sequence}`),
      acknowledged: (sequence: number) => witness.acknowledged(`${name} ${sequence}`),
    })
    this.qos1 = new MqttPublisher({ port, clientId: 'one', topic: 'plant/one', qos: 1, window: WINDOW }, watch('one'))
    this.qos2 = new MqttPublisher({ port, clientId: 'two', topic: 'plant/two', qos: 2, window: WINDOW }, watch('two'))
    this.coap = new CoapPublisher({ port: made.coapPort, path: 'ps/plant/coap' })
  }

  get gateway(): GatewayProcess {
    if (this.#gateway === undefined) throw new Error('no gateway was started yet')
    return this.#gateway
  }

  /** Messages that were acknowledged to devices. */
  get acknowledged(): number {
    return this.qos1.acknowledged + this.qos2.acknowledged + this.coap.acknowledged
  }

  get inFlight(): number {
    return this.qos1.inFlight + this.qos2.inFlight + this.coap.inFlight
  }

  startGateway(): GatewayProcess {
    this.witness.newRun()
    const startedMs = performance.now()
    const gateway = new GatewayProcess(['-c', this.#configFile])
    gateway.ready.then(
      () => this.startsMs.push(Math.round(performance.now() - startedMs)),
      () => {},
    )
    this.#gateway = gateway
    return gateway
  }

  /** All devices begin, each at this many messages a second. */
  flow(perSecond: number): void {
    for (const device of [this.qos1, this.qos2, this.coap, this.serial]) device.flow(perSecond)
  }

  halt(): void {
    for (const device of [this.qos1, this.qos2, this.coap, this.serial]) device.halt()
  }

  async bridge(): Promise<BridgeView | undefined> {
    const { stdout } = await tidegate(['bridges', '--json', '-c', this.#configFile])
    return (JSON.parse(stdout) as { data: BridgeView[] }).data[0]
  }

  /** What is going on, for the message of a test that waits in vain. */
  state(): string {
    const { qos1, qos2, coap, serial } = this
    const device = ({ next, acknowledged, inFlight }: typeof qos1 | typeof coap) => ({ next, acknowledged, inFlight })
    const arrived = Object.fromEntries([...this.counter.arrivals].map(([topic, all]) => [topic, all.length]))
    const all = { qos1: device(qos1), qos2: device(qos2), coap: device(coap), serial: serial.next, seen: this.witness.seen, arrived }
    return `${JSON.stringify(all)}\n${this.#gateway?.stderr.slice(-3000) ?? ''}`
  }

  async clear(): Promise<void> {
    for (const device of [this.qos1, this.qos2, this.coap, this.witness, this.counter]) device.close()
    this.serial.halt()
    await this.#gateway?.end('SIGKILL')
    this.line.close()
    await this.upstream.stop()
  }
}

function configuration(at: { upstreamPort: number; mqttPort: number; coapPort: number; serialPort: string }): string {
  return `[gateway]
id = "gw"
data_dir = "data"
[admin]
bind = "off"
[listeners.mqtt]
protocol = "mqtt"
bind = "127.0.0.1:${at.mqttPort}"
[listeners.coap]
protocol = "coap"
bind = "127.0.0.1:${at.coapPort}"
[serial.${DEVICE}]
port = "${at.serialPort}"
baud = 115200
parse = "regex"
pattern = '${SerialPublisher.pattern}'
[bridges.up]
kind = "mqtt"
url = "mqtt://127.0.0.1:${at.upstreamPort}"
[[bridges.up.out]]
from = "plant/#"
to = "site/\${topic}"
qos = 2
[[bridges.up.out]]
from = "serial/+/n"
to = "site/\${topic}"
qos = 2
`
}
