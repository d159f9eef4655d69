/** Values offered to Home Assistant by its MQTT discovery: a retained configuration for each point. */
import { boolean, type InferKeys, string, table } from '#base/schema.ts'
import { type Broker, Message } from '#broker/ports.ts'
import type { SerialConfig, SerialDeviceConfig } from './config.ts'
import { isModbus } from './config-check.ts'
import type { PointConfig } from './config-keys.ts'

/** Where the topics are remembered that were published, so that those of points that are gone can be cleared. */
const RECORDS = 'home-assistant'
const CLIENT = '$home-assistant'

const keys = {
  enabled: boolean({ description: 'Publish the configurations; when it is off, those published before are cleared.', default: false }),
  prefix: string({
    description: 'The discovery prefix, as Home Assistant has it in its MQTT integration.',
    default: 'homeassistant',
    pattern: /^[^\0+#/$][^\0+#]{0,127}$/,
    patternText: 'a topic without "+" and "#"',
  }),
} as const

/** `[homeassistant]`. */
export const homeAssistantSchema = table(keys, {
  description: 'Home Assistant MQTT discovery: each configured point of a serial device becomes an entity.',
})

export type HomeAssistantConfig = InferKeys<typeof keys>

export interface Entity {
  topic: string
  payload: Readonly<Record<string, unknown>>
}

/** The entities of all serial devices. */
export function entitiesOf(serial: SerialConfig, prefix: string, gatewayId: string): Entity[] {
  return Object.entries(serial).flatMap(([name, device]) => {
    const units = Object.entries(device.units)
    if (units.length === 0) return pointsOf(device, device.points, [name], prefix, gatewayId)
    return units.flatMap(([unit, { points }]) => pointsOf(device, points, [name, unit], prefix, gatewayId))
  })
}

function pointsOf(
  device: SerialDeviceConfig,
  points: SerialDeviceConfig['points'],
  path: readonly string[],
  prefix: string,
  gatewayId: string,
): Entity[] {
  return Object.entries(points).map(([name, point]) => {
    const component = componentOf(device, point)
    const id = [gatewayId, ...path, name].map(plain).join('_')
    const topic = `serial/${[...path, name].join('/')}`
    const about = {
      name: point.label ?? name,
      unique_id: id,
      object_id: [...path, name].map(plain).join('_'),
      availability: [
        availabilityOf(`serial/${path[0]}/$state`),
        ...(path.length > 1 ? [availabilityOf(`serial/${path.join('/')}/$state`)] : []),
      ],
      availability_mode: 'all',
      device: { identifiers: [[gatewayId, ...path].map(plain).join('_')], name: path.join(' '), via_device: gatewayId },
    }
    const payload = { ...about, ...stateOf(device, point, component, topic), ...commandOf(point, component, topic) }
    return { topic: `${prefix}/${component}/${id}/config`, payload }
  })
}

type Component = 'sensor' | 'binary_sensor' | 'switch' | 'number' | 'select' | 'button'

function componentOf(device: SerialDeviceConfig, point: PointConfig): Component {
  if (point.type === 'command') return 'button'
  const writable = isModbus(device) ? point.write !== 'no' : point.set !== undefined
  const worded = Object.keys(point.values).length > 0
  if (worded) return writable ? 'select' : 'sensor'
  const bits = point.table === 'coil' || point.table === 'discrete' || (point.bit !== undefined && point.bits === 1)
  if (point.type === 'boolean' || (isModbus(device) && bits && point.type === 'auto') || (bits && point.bit !== undefined)) {
    return writable ? 'switch' : 'binary_sensor'
  }
  const numeric = !['text', 'string', 'hex'].includes(point.type) && Object.keys(point.flags).length === 0
  return writable && numeric ? 'number' : 'sensor'
}

function stateOf(device: SerialDeviceConfig, point: PointConfig, component: Component, topic: string) {
  if (component === 'button') return {}
  const isSwitch = component === 'switch' || component === 'binary_sensor'
  const template = isSwitch ? '{{ value_json.value | lower }}' : '{{ value_json.value }}'
  return {
    state_topic: topic,
    ...(device.format === 'json' && { value_template: template }),
    ...(isSwitch && { payload_on: 'true', payload_off: 'false' }),
    ...(component === 'switch' && { state_on: 'true', state_off: 'false' }),
    ...(point.unit !== undefined && { unit_of_measurement: point.unit }),
    ...(point.device_class !== undefined && { device_class: point.device_class }),
    ...(point.state_class !== undefined && component === 'sensor' && { state_class: point.state_class }),
  }
}

function commandOf(point: PointConfig, component: Component, topic: string) {
  const command = { command_topic: `${topic}/set` }
  switch (component) {
    case 'button':
      return { ...command, payload_press: 'press' }
    case 'select':
      return { ...command, options: Object.values(point.values) }
    case 'number':
      return {
        ...command,
        ...(point.min !== undefined && { min: point.min }),
        ...(point.max !== undefined && { max: point.max }),
        ...(point.scale < 1 && { step: point.scale }),
        mode: 'box',
      }
    case 'switch':
      return command
    default:
      return {}
  }
}

function availabilityOf(topic: string) {
  return { topic, value_template: '{{ value_json.state }}', payload_available: 'online', payload_not_available: 'offline' }
}

/** Home Assistant takes letters, digits, "_" and "-" in ids; other characters keep apart what differs by them. */
function plain(text: string): string {
  return text.replace(/[^A-Za-z0-9-]/g, character => (character === '_' ? '_' : `_${character.codePointAt(0)!.toString(16)}`))
}

/** Publishes the entities, and clears those that an earlier configuration had, also before a restart. */
export function offerToHomeAssistant(
  broker: Broker,
  { enabled, prefix }: HomeAssistantConfig,
  serial: SerialConfig,
  gatewayId: string,
): void {
  const records = broker.records(RECORDS)
  const entities = new Map(
    (enabled ? entitiesOf(serial, prefix, gatewayId) : []).map(({ topic, payload }) => [topic, JSON.stringify(payload)]),
  )
  const stale = [...records.entries()].map(([topic]) => topic).filter(topic => !entities.has(topic))
  const fresh = [...entities].filter(([topic, payload]) => textOf(broker.retained(topic)) !== payload)
  if (stale.length === 0 && fresh.length === 0) return
  const publish = publisher(broker)
  for (const topic of stale) {
    publish.send(topic, '')
    records.delete(topic)
  }
  for (const [topic, payload] of fresh) {
    // The record first: what is published is never forgotten.
    records.put(topic, new Uint8Array(0))
    publish.send(topic, payload)
  }
  publish.end()
}

function textOf(message: Message | undefined): string | undefined {
  return message === undefined ? undefined : Buffer.from(message.payload).toString()
}

function publisher(broker: Broker) {
  const sink = {
    congested: false,
    send: () => {},
    sendRun: () => true,
    deliver: () => {},
    release: () => {},
    close: () => {},
  }
  const queue = { messagesMax: 1, bytesMax: 1024, ageMaxMs: 0, whenFull: 'drop-oldest', qos0: false } as const
  const { client } = broker.attach({
    identity: broker.internalIdentity(CLIENT, 'home-assistant', true),
    sink,
    protocol: 'home-assistant',
    listener: 'serial',
    peer: undefined,
    cleanStart: true,
    sessionExpiryMs: 0,
    limits: { queue, inFlightMax: 1, topicLevelsMax: 128 },
  })
  client.resume()
  return {
    send(topic: string, payload: string): void {
      const route = broker.route(topic)
      if (route === undefined) return
      client.publish(route, Message.from({ topic, payload: Buffer.from(payload), qos: 1, retain: true, publisher: CLIENT }))
    },
    end: () => client.detach(true, 0),
  }
}
