import { suggest } from '#base/schema.ts'
import { type Options, usage, type Values } from '../option.ts'
import { verb } from '../verb.ts'
import type { SimulatedKind } from './simulate-kind.ts'
import { simulatedMqttSn } from './simulate-mqtt-sn.ts'
import { simulatedSerial } from './simulate-serial.ts'

/** One line a kind. */
const kinds: readonly SimulatedKind[] = [simulatedMqttSn, simulatedSerial]

const names = kinds.map(kind => kind.name)
const options: Options = Object.assign({}, ...kinds.map(kind => kind.options))

export const simulateVerb = verb({
  name: 'simulate',
  group: 'messages',
  summary: 'plays a device to try things with',
  description: `Kinds: ${kinds.map(({ name, summary }) => `${name} (${summary})`).join('; ')}. Goes on until it is stopped.`,
  positionals: [{ name: 'KIND', summary: names.join(', '), required: true }],
  options,
  examples: kinds.flatMap(kind => kind.examples),
  async run(values, [name = ''], context) {
    const kind = kinds.find(each => each.name === name)
    if (kind === undefined) throw usage(`there is no kind ${JSON.stringify(name)}`, suggest(name, names) ?? `kinds are ${names.join(', ')}`)
    refuseForeign(values, kind)
    return kind.run(values, context)
  },
})

/** An option of another kind would be believed and do nothing. */
function refuseForeign(values: Values<Options>, kind: SimulatedKind): void {
  for (const [name, value] of Object.entries(values)) {
    const given = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false
    if (given && !Object.hasOwn(kind.options, name)) throw usage(`--${name} is not for ${kind.name}`)
  }
}
