/** A gateway with data of its own on free ports, for tests of the built program. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { type Finished, GatewayProcess, tidegate } from '../support/program.ts'

interface Owner {
  teardown(run: () => Promise<unknown>): unknown
}

export class GatewayFixture {
  readonly folder: string
  readonly configFile: string
  readonly mqttPort: number
  readonly coapPort: number
  readonly #starts: GatewayProcess[] = []

  /** `more` is TOML behind the listeners `mqtt` (tcp) and `coap`. */
  static async make(t: Owner, folder: string, more = ''): Promise<GatewayFixture> {
    const fixture = new GatewayFixture(folder, await freePort(), await freePort())
    fixture.configure(more)
    t.teardown(() => Promise.all(fixture.#starts.map(gateway => gateway.end('SIGKILL'))))
    return fixture
  }

  private constructor(folder: string, mqttPort: number, coapPort: number) {
    this.folder = folder
    this.configFile = join(folder, 'tidegate.toml')
    this.mqttPort = mqttPort
    this.coapPort = coapPort
  }

  configure(more: string): void {
    const text = `[gateway]
data_dir = "data"
[admin]
bind = "off"
[listeners.mqtt]
protocol = "mqtt"
bind = "127.0.0.1:${this.mqttPort}"
[listeners.coap]
protocol = "coap"
bind = "127.0.0.1:${this.coapPort}"
${more}
`
    writeFileSync(this.configFile, text)
  }

  /** Starts it, and waits until it is ready. */
  async start(environment: Record<string, string> = {}): Promise<GatewayProcess> {
    const gateway = new GatewayProcess(['-c', this.configFile], { environment })
    this.#starts.push(gateway)
    await gateway.ready
    return gateway
  }

  /** A verb that speaks to this gateway. */
  ask(verb: string, ...words: string[]): Promise<Finished> {
    return tidegate([verb, ...words, '-c', this.configFile])
  }

  /** What a listing verb tells. */
  async list<Row>(verb: string, ...words: string[]): Promise<Row[]> {
    const { code, stdout, stderr } = await this.ask(verb, ...words, '--json')
    if (code !== 0) throw new Error(`tidegate ${verb} ended with ${code}: ${stderr}`)
    return (JSON.parse(stdout) as { data: Row[] }).data
  }
}
