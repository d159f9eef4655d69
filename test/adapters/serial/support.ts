import { type SerialConfig, type SerialDeviceConfig, serialSchema } from '#adapters/serial/config.ts'
import { table } from '#base/schema.ts'
import type { ClientLimits } from '#broker/ports.ts'
import { loadConfig } from '#config/load.ts'

const schema = table({ serial: serialSchema }, { description: 'A test.' })

/** What a configuration file with this text gives. */
export function load(
  toml: string,
  named?: (name: string) => { path: string; text: string } | undefined,
): { config: SerialConfig | undefined; faults: string[]; warnings: string[] } {
  const loaded = loadConfig({ schema, file: 'test.toml', env: {}, sets: [], folder: '/', readFile: () => toml, ...(named && { named }) })
  const show = (fault: { key: string; message: string }) => `${fault.key}: ${fault.message}`
  return { config: loaded.config?.serial, faults: loaded.faults.map(show), warnings: loaded.warnings.map(show) }
}

/** One device by the keys below `[serial.dev]`. */
export function deviceConfig(keys: string, port = '/dev/fake'): SerialDeviceConfig {
  const { config, faults } = load(`[serial.dev]\nport = ${JSON.stringify(port)}\n${keys}`)
  if (config === undefined) throw new Error(faults.join('; '))
  return config.dev!
}

export const LIMITS: ClientLimits = {
  queue: { messagesMax: 1000, bytesMax: 1_000_000, ageMaxMs: 0, whenFull: 'drop-oldest', qos0: false },
  inFlightMax: 16,
  topicLevelsMax: 128,
}
