import t from 'tap'
import { SerialDevice } from '#adapters/serial/device.ts'
import { simulate } from '#adapters/serial/tools.ts'
import { serialPorts } from '#adapters/serial/transport.ts'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { readProfile } from '#system/profiles.ts'
import { openPty } from '#system/pty.ts'
import { FakeBroker } from '../adapters/serial/fake-broker.ts'
import { LIMITS, load } from '../adapters/serial/support.ts'
import { within } from '../support/eventually.ts'
import { loadProfile, PROFILES } from './profiles.ts'

/** What a point's topic may hold at some moment: its simulated range, or what a vector shows. */
function expectations(name: string): Map<string, (text: string) => boolean> {
  const { profile } = loadProfile(name)
  const wanted = new Map<string, (text: string) => boolean>()
  for (const vector of profile!.vectors) {
    for (const [point, value] of Object.entries(vector.values)) {
      const before = wanted.get(point)
      wanted.set(point, text => text === value || before?.(text) === true)
    }
  }
  for (const [point, { min, max }] of Object.entries(profile!.simulate.values)) {
    if (profile!.serial!.points[point] === undefined) continue
    // A value is rounded to the device's own steps.
    const step = Math.max(Math.abs(profile!.serial!.points[point]!.scale), 0.5)
    wanted.set(point, text => Number(text) >= min - step && Number(text) <= max + step)
  }
  return wanted
}

for (const name of PROFILES) {
  t.test(`${name}: its simulator on a pseudo-terminal comes out on the topics of its points`, async t => {
    const clock = systemClock()
    const { profile } = loadProfile(name)
    const pty = openPty(bytes => simulated.push(bytes))
    const simulated = simulate(profile!, clock, bytes => pty.write(bytes))
    const { config, faults } = load(`[serial.dev]\nport = "${pty.path}"\nprofile = "${name}"`, readProfile)
    t.same(faults, [])
    const broker = new FakeBroker()
    const device = new SerialDevice({
      name: 'dev',
      config: config!.dev!,
      broker: broker.port,
      clock,
      logger: silentLogger,
      opener: serialPorts,
      limits: LIMITS,
    })
    device.start()
    await within(
      5000,
      'the port is open',
      broker.until(() => broker.states.some(state => state['state'] === 'online')),
    )
    simulated.start()
    const moving = Object.keys(profile!.simulate.values).filter(point => profile!.serial!.points[point] !== undefined)
    const points = moving.length > 0 ? moving : Object.keys(profile!.vectors[0]!.values)
    const seen = () => new Map(broker.values.map(([topic, value]) => [topic.slice('serial/dev/'.length), value]))
    await within(
      15_000,
      `all of ${points.join(', ')}`,
      broker.until(() => points.every(point => seen().has(point))),
    ).catch(error => {
      t.fail(`${error.message}; seen ${[...seen().keys()].join(', ')}; ${JSON.stringify(device.status())}`)
    })
    const wanted = expectations(name)
    for (const [point, value] of seen()) {
      const fits = wanted.get(point)
      if (fits !== undefined && points.includes(point)) t.ok(fits(value), `${point} = ${value}`)
    }
    t.equal(device.status().framing.malformed, 0)
    await device.stop()
    simulated.stop()
    pty.close()
  })
}
