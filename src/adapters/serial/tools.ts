/** What commands about serial lines use: ports, profiles, simulated devices. */
import type { Clock } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import { isModbus } from './config-check.ts'
import { ModbusProtocol } from './modbus/protocol.ts'
import type { Reading } from './points.ts'
import { type Profile, profileSchema } from './profile/schema.ts'
import { readVector } from './profile/vectors.ts'
import type { Protocol, ProtocolEvents } from './protocol.ts'
import { SimulatedDevice } from './simulator/device.ts'
import { StreamProtocol } from './stream-protocol.ts'
import { serialPorts } from './transport.ts'

export { listPorts } from './listing/transport.ts'
export { profileSchema }

export const openPort: typeof serialPorts.open = (settings, events) => serialPorts.open(settings, events)

/** The readings of a vector. @throws GatewayError */
export function readProfileVector(profile: Profile, place: number): Reading[] {
  const vector = profile.vectors[place]
  if (profile.serial === undefined || vector === undefined) return []
  return readVector(profile.serial, vector)
}

export function simulate(profile: Profile, clock: Clock, send: (bytes: Uint8Array) => void): SimulatedDevice {
  return new SimulatedDevice(profile, clock, send)
}

/** The gateway's side of a profile's device, without a broker. @throws GatewayError `not-found` */
export function probe(
  profile: Profile,
  clock: Clock,
  send: (bytes: Uint8Array) => Promise<void>,
  onValue: (value: Reading) => void,
): Protocol {
  const { serial } = profile
  if (serial === undefined) throw new GatewayError('not-found', 'this profile describes no serial device')
  const events: ProtocolEvents = {
    reading: reading => {
      onValue(reading)
      return true
    },
    write: send,
    warn: () => {},
    answering: () => {},
  }
  const config = { ...serial, port: '', units: {} }
  return isModbus(serial) ? new ModbusProtocol(config, clock, events) : new StreamProtocol(serial, clock, events)
}
