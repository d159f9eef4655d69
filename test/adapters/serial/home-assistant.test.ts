import t from 'tap'
import { entitiesOf, offerToHomeAssistant } from '#adapters/serial/home-assistant.ts'
import { FakeBroker } from './fake-broker.ts'
import { load } from './support.ts'

const BUS = `
[serial.bus]
port = "/dev/x"
framing = "modbus-rtu"
format = "json"
[serial.bus.units.m1]
unit = 1
[serial.bus.units.m1.points]
volt = { register = 0, unit = "V", device_class = "voltage", state_class = "measurement" }
relay = { register = 0, table = "coil", write = "auto", label = "Pump" }
door = { register = 1, table = "discrete" }
goal = { register = 5, scale = 0.5, write = "auto", min = 5, max = 30 }
mode = { register = 6, write = "auto", values = { 0 = "off", 1 = "heat" } }
[serial.scale]
port = "/dev/y"
parse = "regex"
pattern = "(?<kg>[0-9.]+)"
points.kg = { unit = "kg" }
points.zero = { type = "command", set = "Z" }
`

const serial = (toml: string) => load(toml).config!

t.test('each configured point is an entity of its kind', async t => {
  const entities = new Map(entitiesOf(serial(BUS), 'homeassistant', 'gw.1').map(({ topic, payload }) => [topic, payload]))
  t.same(
    [...entities.keys()],
    [
      'homeassistant/sensor/gw_2e1_bus_m1_volt/config',
      'homeassistant/switch/gw_2e1_bus_m1_relay/config',
      'homeassistant/binary_sensor/gw_2e1_bus_m1_door/config',
      'homeassistant/number/gw_2e1_bus_m1_goal/config',
      'homeassistant/select/gw_2e1_bus_m1_mode/config',
      'homeassistant/sensor/gw_2e1_scale_kg/config',
      'homeassistant/button/gw_2e1_scale_zero/config',
    ],
  )
  t.match(entities.get('homeassistant/sensor/gw_2e1_bus_m1_volt/config'), {
    state_topic: 'serial/bus/m1/volt',
    value_template: '{{ value_json.value }}',
    unit_of_measurement: 'V',
    device_class: 'voltage',
    state_class: 'measurement',
    availability: [{ topic: 'serial/bus/$state' }, { topic: 'serial/bus/m1/$state' }],
  })
  t.match(entities.get('homeassistant/switch/gw_2e1_bus_m1_relay/config'), {
    name: 'Pump',
    command_topic: 'serial/bus/m1/relay/set',
    payload_on: 'true',
  })
  t.match(entities.get('homeassistant/number/gw_2e1_bus_m1_goal/config'), { min: 5, max: 30, step: 0.5 })
  t.match(entities.get('homeassistant/select/gw_2e1_bus_m1_mode/config'), { options: ['off', 'heat'] })
  t.match(entities.get('homeassistant/button/gw_2e1_scale_zero/config'), { command_topic: 'serial/scale/zero/set' })
  t.notOk(Object.hasOwn(entities.get('homeassistant/sensor/gw_2e1_scale_kg/config')!, 'value_template'), 'text needs none')
})

t.test('entities are published once, and cleared when they are gone, over restarts too', async t => {
  const config = { enabled: true, prefix: 'ha' }
  const broker = new FakeBroker()
  offerToHomeAssistant(broker.port, config, serial(BUS), 'gw')
  t.equal(broker.published.length, 7)
  t.ok(broker.published.every(message => message.retain && message.topic.startsWith('ha/')))
  t.equal(broker.detached, 1)
  offerToHomeAssistant(broker.port, config, serial(BUS), 'gw')
  t.equal(broker.published.length, 7, 'nothing new')
  const after = new FakeBroker()
  after.kept = broker.kept
  after.published.push(...broker.published)
  offerToHomeAssistant(after.port, config, serial(BUS.replace('points.kg = { unit = "kg" }', 'points.weight = { from = "kg" }')), 'gw')
  const told = after.published.slice(7).map(message => [message.topic, message.payload.length > 0])
  t.same(told, [
    ['ha/sensor/gw_scale_kg/config', false],
    ['ha/sensor/gw_scale_weight/config', true],
  ])
  offerToHomeAssistant(after.port, { enabled: false, prefix: 'ha' }, serial(BUS), 'gw')
  t.equal(after.published.slice(9).filter(message => message.payload.length === 0).length, 7, 'switched off: all are cleared')
  t.equal(after.kept.get('home-assistant')?.size, 0)
})

t.test('switched off from the start it attaches nothing', async t => {
  const broker = new FakeBroker()
  offerToHomeAssistant(broker.port, { enabled: false, prefix: 'ha' }, serial(BUS), 'gw')
  t.equal(broker.attached.length, 0)
})
