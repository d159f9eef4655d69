import type { Records } from '#broker/ports.ts'
import { endpointUrl } from '#clients/mqtt/index.ts'
import type { MqttBridgeConfig } from './config.ts'

const KEY = 'upstream'

/** What the upstream may have kept for us, as far as we know. */
interface Memory {
  /** URL and client id. */
  session: string
  /** Filters that were subscribed to there. */
  filters: string[]
}

/** Remembers which session at which upstream this bridge's state belongs to. */
export class UpstreamMemory {
  readonly #records: Records

  constructor(records: Records) {
    this.#records = records
  }

  /** Whether the session at this upstream is ours: else it has to be a new one [MQTT-3.2.2-5]. */
  isKnown(config: MqttBridgeConfig, clientId: string): boolean {
    return this.#read()?.session === sessionName(config, clientId)
  }

  /** Filters that an earlier configuration subscribed to. */
  get filters(): readonly string[] {
    return this.#read()?.filters ?? []
  }

  /** Returns the position after whose commit it is remembered; 0: it is already. */
  remember(config: MqttBridgeConfig, clientId: string, filters: readonly string[]): number {
    const memory: Memory = { session: sessionName(config, clientId), filters: [...filters] }
    const value = JSON.stringify(memory)
    return value === JSON.stringify(this.#read()) ? 0 : this.#records.put(KEY, Buffer.from(value))
  }

  #read(): Memory | undefined {
    const value = this.#records.get(KEY)
    if (value === undefined) return undefined
    try {
      const { session, filters } = JSON.parse(Buffer.from(value).toString()) as Partial<Memory>
      return typeof session === 'string' && Array.isArray(filters) ? { session, filters: filters.map(String) } : undefined
    } catch {
      return undefined
    }
  }
}

function sessionName(config: MqttBridgeConfig, clientId: string): string {
  return `${endpointUrl(config.url)} ${clientId}`
}
