/** A Modbus line of 20 units: modbus-serial's server, a noisy and slow wire in between, and the gateway's serial device. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import ModbusRTU from 'modbus-serial'
import { SerialDevice } from '#adapters/serial/device.ts'
import { serialPorts } from '#adapters/serial/transport.ts'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { FakeBroker } from '../adapters/serial/fake-broker.ts'
import { deviceConfig, LIMITS } from '../adapters/serial/support.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const BAUD = 115_200
const BITS_PER_CHARACTER = 10

export interface RigOptions {
  socat: string
  units: number
  registersPerUnit: number
  intervalMs: number
  dead: number
  slow: number
  slowMs: number
  /** Share of frames, in both directions, in which a byte is changed. */
  corrupted: number
  seed: number
}

/** What a register of a unit holds: no two in reach of each other are alike. */
export function heldBy(unit: number, address: number): number {
  return (unit * 2551 + address * 37) & 0xffff
}

interface Server {
  close(done: () => void): void
  on(event: 'initialized' | 'error', run: (error?: Error) => void): void
}

type ServerKind = new (vector: object, options: object) => Server

export async function openModbusRig(options: RigOptions) {
  const random = new VirtualClock(options.seed)
  const far = await Wire.open(options.socat)
  const near = await Wire.open(options.socat)
  let corrupted = 0
  const relay = (to: Wire) => {
    let freeAt = 0
    return (chunk: Uint8Array) => {
      const bytes = Buffer.from(chunk)
      if (to === far && bytes[0] === options.dead) return
      if (bytes.length > 2 && random.random() < options.corrupted) {
        bytes[Math.floor(random.random() * bytes.length)]! ^= 1 << Math.floor(random.random() * 8)
        corrupted++
        // A unit passes over a request whose CRC is wrong; this server writes a right one into it and answers.
        if (to === far) return
      }
      const now = performance.now()
      freeAt = Math.max(freeAt, now) + (bytes.length * BITS_PER_CHARACTER * 1000) / BAUD
      setTimeout(() => to.send(bytes), freeAt - now)
    }
  }
  near.onData = relay(far)
  far.onData = relay(near)
  const server = await openServer(far.path, options)
  const broker = new FakeBroker()
  const seen = watch(broker)
  const device = new SerialDevice({
    name: 'bus',
    config: deviceConfig(configOf(options), near.path),
    broker: broker.port,
    clock: systemClock(),
    logger: silentLogger,
    opener: serialPorts,
    limits: LIMITS,
  })
  device.start()
  return {
    broker,
    device,
    seen,
    corrupted: () => corrupted,
    async close() {
      await device.stop()
      await new Promise<void>(resolve => server.close(resolve))
      near.close()
      far.close()
    },
  }
}

/** The times at which each point was published, and values that are wrong. */
function watch(broker: FakeBroker) {
  const times = new Map<string, number[]>()
  const wrong: string[] = []
  const push = broker.published.push.bind(broker.published)
  broker.published.push = (...messages) => {
    for (const { topic, payload } of messages) {
      const found = /^serial\/bus\/u(\d+)\/r(\d+)$/.exec(topic)
      if (found === null) {
        push(...messages)
        continue
      }
      const text = Buffer.from(payload).toString()
      if (Number(text) !== heldBy(Number(found[1]), Number(found[2]))) wrong.push(`${topic} = ${text}`)
      const list = times.get(topic) ?? []
      list.push(performance.now())
      times.set(topic, list)
    }
    return broker.published.length
  }
  return { times, wrong }
}

function configOf({ units, registersPerUnit, intervalMs }: RigOptions): string {
  const head = `baud = ${BAUD}\nframing = "modbus-rtu"\ninterval = "${intervalMs}ms"\ntimeout = "250ms"\nmax_registers = 50\n`
  const tables = Array.from({ length: units }, (_, index) => {
    const points = Array.from({ length: registersPerUnit }, (_, register) => `r${register} = { register = ${register} }`).join('\n')
    return `[serial.dev.units.u${index + 1}]\nunit = ${index + 1}\n[serial.dev.units.u${index + 1}.points]\n${points}\n`
  })
  return head + tables.join('')
}

async function openServer(path: string, { slow, slowMs }: RigOptions): Promise<Server> {
  const { ServerSerial } = ModbusRTU as unknown as { ServerSerial: ServerKind }
  const registers = (address: number, length: number, unit: number) => Array.from({ length }, (_, index) => heldBy(unit, address + index))
  const vector = {
    getMultipleHoldingRegisters: (address: number, length: number, unit: number, done: (error: null, values: number[]) => void) => {
      if (unit === slow) setTimeout(() => done(null, registers(address, length, unit)), slowMs)
      else done(null, registers(address, length, unit))
    },
  }
  const server = new ServerSerial(vector, { path, baudRate: BAUD, unitID: 255, interval: 3 })
  await new Promise<void>((resolve, reject) => {
    server.on('initialized', () => resolve())
    server.on('error', reject)
  })
  return server
}

/** One pseudo-terminal of socat; what is written to it is what its port reads. */
class Wire {
  readonly path: string
  onData: (bytes: Uint8Array) => void = () => {}
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>

  static async open(socat: string): Promise<Wire> {
    const child = spawn(socat, ['-d', '-d', 'pty,raw,echo=0', 'STDIO'], { stdio: ['pipe', 'pipe', 'pipe'] })
    let said = ''
    for await (const chunk of child.stderr.iterator({ destroyOnReturn: false })) {
      said += String(chunk)
      const path = /PTY is (\S+)/.exec(said)?.[1]
      if (path !== undefined && said.includes('starting data transfer loop')) {
        child.stderr.resume()
        return new Wire(path, child)
      }
    }
    throw new Error(`socat ended: ${said}`)
  }

  private constructor(path: string, child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.path = path
    this.#child = child
    child.stdin.on('error', () => {})
    child.stdout.on('data', chunk => this.onData(chunk))
  }

  send(bytes: Uint8Array): void {
    this.#child.stdin.write(bytes)
  }

  close(): void {
    this.#child.kill('SIGKILL')
  }
}

/** Times between two values of a point, over all points of units that count, ascending. */
export function gapsOf(times: ReadonlyMap<string, readonly number[]>, counts: (unit: number) => boolean): number[] {
  const gaps: number[] = []
  for (const [topic, list] of times) {
    if (!counts(Number(/u(\d+)\//.exec(topic)?.[1]))) continue
    for (let i = 1; i < list.length; i++) gaps.push(list[i]! - list[i - 1]!)
  }
  return gaps.sort((left, right) => left - right)
}
