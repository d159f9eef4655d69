import type { Clock, Timer } from '#base/clock.ts'
import { describeError, type GatewayError, isGatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import { type Broker, type Client, type ClientLimits, type CloseReason, Message, type PressureListener } from '#broker/ports.ts'
import type { DeframerCounters } from '#codecs/framing/index.ts'
import type { SerialDeviceConfig } from './config.ts'
import { isModbus } from './config-check.ts'
import { type DeviceState, StateReport } from './device-state.ts'
import { type Gap, SerialEngine } from './engine.ts'
import type { LineCounters } from './frame-reader.ts'
import { LastSeen } from './last-seen.ts'
import { ModbusProtocol } from './modbus/protocol.ts'
import { Outbox, type OutboxCounters } from './outbox.ts'
import type { Reading } from './points.ts'
import type { PortOpener } from './port.ts'
import type { Protocol, ProtocolEvents } from './protocol.ts'
import { PublishPolicy } from './publish-policy.ts'
import { QuietLog } from './quiet-log.ts'
import { StreamProtocol } from './stream-protocol.ts'
import { DeviceWriter, type WriteCounters } from './writer.ts'

/** Names that fields of one device may bring by themselves; fields beyond them are counted as invalid. */
export const POINTS_MAX = 1024
/** Wait before a client that was kicked is attached again. */
const REATTACH_MS = 1000
/** Dropped values are reported on `$state` at most this often. */
const DROP_REPORT_MS = 1000
/** How long `stop` waits for values that the broker has not taken yet. */
const STOP_MS = 500

const JSON_PROPERTIES = { contentType: 'application/json', payloadFormatIndicator: 1 } as const

export interface DeviceOptions {
  name: string
  config: SerialDeviceConfig
  broker: Broker
  clock: Clock
  logger: Logger
  opener: PortOpener
  /** Limits of the device's broker client. */
  limits: ClientLimits
}

export interface DeviceStatus {
  name: string
  port: string
  state: Readonly<DeviceState>
  framing: Readonly<DeframerCounters>
  lines: Readonly<LineCounters>
  messages: Readonly<OutboxCounters>
  writes: Readonly<WriteCounters>
  /** Values that wait for the broker. */
  waiting: number
}

/** One serial device: the client `$serial:{name}`, its line, and what goes between them. */
export class SerialDevice implements PressureListener {
  readonly #options: DeviceOptions
  readonly #base: string
  readonly #logger: Logger
  readonly #quiet: QuietLog
  readonly #protocol: Protocol
  readonly #policy: PublishPolicy
  readonly #outbox: Outbox
  readonly #engine: SerialEngine
  readonly #writer: DeviceWriter
  readonly #report: StateReport
  readonly #lastSeen: LastSeen
  /** Until when an earlier run of the gateway has read the device, until the port is open. */
  #readUntil: number | undefined
  readonly #topics = new Map<string, string>()
  /** Topics that nobody configured. */
  #unasked = 0
  #client: Client | undefined
  #reportedDrops = 0
  #dropTimer: Timer | undefined
  #retryTimer: Timer | undefined
  #attachTimer: Timer | undefined
  #stopped: (() => void) | undefined

  /** @throws GatewayError `config-invalid` */
  constructor(options: DeviceOptions) {
    const { name, config, broker, clock } = options
    this.#options = options
    this.#base = `serial/${name}/`
    this.#logger = options.logger.child({ serial: name })
    this.#quiet = new QuietLog(this.#logger, clock)
    this.#report = new StateReport(name, config.port, broker, clock)
    this.#lastSeen = new LastSeen(name, broker, clock)
    this.#readUntil = this.#lastSeen.before()
    this.#protocol = this.#makeProtocol()
    this.#policy = new PublishPolicy(config, this.#protocol.polls, clock)
    this.#outbox = this.#makeOutbox()
    this.#engine = this.#makeEngine()
    this.#writer = new DeviceWriter({
      base: this.#base,
      filters: this.#protocol.filters,
      command: async (topic, payload) => this.#protocol.command(topic, payload),
      failed: (topic, reason) => this.#quiet.warn('write-failed', 'a write did not reach the device', { topic, reason }),
      respond: (request, error) => this.#respond(request, error),
      closed: reason => this.#closed(reason),
    })
  }

  start(): void {
    this.#options.broker.addPressureListener(this)
    this.#attach()
    this.#engine.start()
  }

  /** Closes the port, publishes the state `stopped` and what still waits, and detaches; takes half a second at most. */
  async stop(): Promise<void> {
    const { clock, broker } = this.#options
    this.#protocol.stop()
    this.#lastSeen.stop()
    await this.#engine.stop()
    this.#setState({ state: 'stopped' })
    if (this.#outbox.waiting > 0) {
      let timer: Timer | undefined
      await new Promise<void>(resolve => {
        this.#stopped = resolve
        timer = clock.setTimer(STOP_MS, resolve)
      })
      clock.clearTimer(timer)
      this.#stopped = undefined
    }
    for (const timer of [this.#retryTimer, this.#attachTimer, this.#dropTimer]) clock.clearTimer(timer)
    broker.removePressureListener(this)
    if (this.#outbox.waiting > 0) this.#logger.warn('values were not taken before the stop', { values: this.#outbox.waiting })
    this.#client?.detach(true, 0)
    this.#client = undefined
    this.#outbox.use(undefined)
  }

  status(): DeviceStatus {
    return {
      name: this.#options.name,
      port: this.#options.config.port,
      state: this.#report.state,
      framing: this.#protocol.framing,
      lines: this.#protocol.lines,
      messages: this.#outbox.counters,
      writes: this.#writer.counters,
      waiting: this.#outbox.waiting,
    }
  }

  pressure(high: boolean): void {
    if (!high) this.#outbox.drain()
  }

  #makeProtocol(): Protocol {
    const { config, clock } = this.#options
    const events: ProtocolEvents = {
      reading: reading => this.#publish(reading),
      write: bytes => this.#engine.write(bytes),
      warn: (kind, message, fields) => this.#quiet.warn(kind, message, fields),
      answering: (unit, answers, reason) => this.#answering(unit, answers, reason),
    }
    return isModbus(config) ? new ModbusProtocol(config, clock, events) : new StreamProtocol(config, clock, events)
  }

  #makeOutbox(): Outbox {
    const { broker, clock, config } = this.#options
    return new Outbox(broker, config.backlog, {
      retry: delayMs => {
        this.#quiet.warn('refused-for-now', 'the broker takes no values at the moment, they wait', {})
        this.#retryTimer = clock.setTimer(delayMs, () => this.#outbox.retry())
      },
      refused: (topic, reason) => this.#quiet.warn(`refused ${reason}`, 'a value was refused', { topic, reason }),
      changed: () => this.#balance(),
    })
  }

  #makeEngine(): SerialEngine {
    const { config, clock, opener } = this.#options
    return new SerialEngine({
      settings: {
        path: config.port,
        baud: config.baud,
        dataBits: config.data_bits as 5 | 6 | 7 | 8,
        parity: config.parity,
        stopBits: config.stop_bits as 1 | 2,
        rtsCts: config.rts_cts,
        ...(config.rts !== 'auto' && { rts: { level: config.rts === 'on-send', beforeMs: config.rts_before, afterMs: config.rts_after } }),
      },
      opener,
      clock,
      idleMs: this.#protocol.idleMs,
      events: {
        data: bytes => this.#protocol.push(bytes),
        idle: () => this.#protocol.idle(),
        online: gap => this.#online(gap),
        offline: reason => this.#offline(reason),
      },
    })
  }

  /** The broker has ended the attachment: values wait until there is another. */
  #closed(reason: CloseReason): void {
    const { clock } = this.#options
    this.#client = undefined
    this.#outbox.use(undefined)
    this.#logger.info('the client was closed', { reason })
    if (reason !== 'shutting-down') this.#attachTimer = clock.setTimer(REATTACH_MS, () => this.#attach())
  }

  #attach(): void {
    const { name, config, broker, clock, limits } = this.#options
    clock.clearTimer(this.#attachTimer)
    this.#attachTimer = undefined
    if (this.#client?.attached) return
    try {
      const identity = broker.internalIdentity(`$serial:${name}`, 'serial', false)
      const { client } = broker.attach({
        identity,
        sink: this.#writer,
        protocol: 'serial',
        listener: 'serial',
        peer: config.port,
        cleanStart: true,
        sessionExpiryMs: 0,
        limits,
        will: { message: this.#report.will(), delayMs: 0 },
      })
      this.#client = client
      this.#writer.attach(client)
      client.resume()
      this.#report.renew()
      this.#outbox.use(client)
    } catch (error) {
      if (!isGatewayError(error)) throw error
      this.#quiet.warn('attach', 'the device cannot be attached, it is tried again', { reason: describeError(error) })
      this.#attachTimer = clock.setTimer(REATTACH_MS, () => this.#attach())
    }
  }

  /** False: the reading has no place, there are too many names. */
  #publish(reading: Reading): boolean {
    const topic = this.#topicOf(reading.point)
    if (topic === undefined) return false
    const { publish, qualityChanged } = this.#policy.judge(reading)
    if (publish) this.#publishOn(topic, reading, qualityChanged)
    return true
  }

  #publishOn(topic: string, reading: Reading, qualityChanged: boolean): void {
    const { config } = this.#options
    const { value, unit, good, error } = reading
    if (config.format === 'json') {
      const { timeMs: time, timeQuality } = this.#timeNow()
      const payload = { value, unit, time, timeQuality, quality: good ? 'good' : 'bad', ...(error !== undefined && { error }) }
      this.#add(topic, Buffer.from(JSON.stringify(payload)), config.retain, JSON_PROPERTIES)
      return
    }
    if (qualityChanged && this.#protocol.polls) {
      this.#add(`${topic}/$quality`, Buffer.from(good ? 'good' : `bad: ${error ?? 'not a value of this point'}`), true)
    }
    if (good && value !== null) this.#add(topic, reading.bytes ?? Buffer.from(reading.text), config.retain)
  }

  #add(topic: string, payload: Uint8Array, retain: boolean, properties?: Message['properties']): void {
    const { broker, name } = this.#options
    this.#outbox.add(
      Message.from({
        topic,
        payload,
        qos: 1,
        retain,
        publisher: `$serial:${name}`,
        ...this.#timeNow(),
        takenAtMs: broker.runningMs(),
        properties,
      }),
    )
  }

  #timeNow(): { timeMs: number; timeQuality: 'synced' | 'unsynced' } {
    const { clock } = this.#options
    return { timeMs: clock.now(), timeQuality: clock.synchronised() ? 'synced' : 'unsynced' }
  }

  /** Says what became of a write where its message asks for it (`MQTT 5 §4.10`). */
  #respond(request: Message, error: string | undefined): void {
    const { responseTopic, correlationData } = request.properties ?? {}
    if (responseTopic === undefined) return
    const payload = JSON.stringify(error === undefined ? { ok: true } : { ok: false, error })
    this.#add(responseTopic, Buffer.from(payload), false, { ...JSON_PROPERTIES, ...(correlationData && { correlationData }) })
  }

  /** A unit of the line, or the device itself, answers again or does not any more. */
  #answering(unit: string | undefined, answers: boolean, reason: string): void {
    const said = answers ? 'a unit answers' : 'a unit does not answer, it is left alone for a while'
    this.#quiet.warn(`answering ${unit ?? ''}`, said, { unit, reason })
    if (unit === undefined) {
      this.#report.setAnswering(answers)
      this.#publishState()
      return
    }
    const { clock } = this.#options
    const state = { state: answers ? 'online' : 'offline', since: clock.now(), ...(reason !== '' && { reason }) }
    this.#add(`${this.#base}${unit}/$state`, Buffer.from(JSON.stringify(state)), true, JSON_PROPERTIES)
  }

  #topicOf(point: string): string | undefined {
    const known = this.#topics.get(point)
    if (known !== undefined) return known
    if (this.#unasked >= POINTS_MAX) {
      this.#quiet.warn('points', `the device has more than ${POINTS_MAX} points`, { point })
      return undefined
    }
    if (!this.#isConfigured(point)) this.#unasked++
    const topic = this.#base + point
    this.#topics.set(point, topic)
    return topic
  }

  #isConfigured(point: string): boolean {
    const { points, units } = this.#options.config
    const [unit, name] = point.split('/') as [string, string?]
    return name === undefined ? points[point] !== undefined : units[unit] !== undefined
  }

  #online(reopened: Gap | undefined): void {
    const gap = this.#readUntil === undefined ? reopened : { from: this.#readUntil, to: this.#options.clock.now() }
    this.#readUntil = undefined
    this.#lastSeen.start()
    this.#logger.info('port open', { port: this.#options.config.port, ...(gap && { gapMs: gap.to - gap.from }) })
    this.#setState({ state: 'online', ...(gap && { gap }) })
    this.#protocol.opened()
  }

  #offline(reason: GatewayError): void {
    this.#protocol.lost()
    this.#lastSeen.stop()
    this.#logger.warn('port not open, it is looked for', { port: this.#options.config.port, reason: describeError(reason) })
    this.#setState({ state: 'offline', reason: reason.message })
  }

  #setState(change: Pick<DeviceState, 'state' | 'reason' | 'gap'>): void {
    this.#report.set(change)
    this.#publishState()
  }

  #publishState(): void {
    const reason = this.#report.publish(this.#client)
    if (reason !== 0) this.#quiet.warn('state-refused', 'the state was refused', { reason })
  }

  /** After each change of the outbox: flow control, the state if it is due, and what was dropped. */
  #balance(): void {
    const { config, clock } = this.#options
    if (config.rts_cts && this.#outbox.bytes > config.backlog / 2) this.#engine.pause()
    else if (config.rts_cts && this.#outbox.bytes <= config.backlog / 4) this.#engine.resume()
    this.#publishState()
    if (this.#outbox.waiting === 0) this.#stopped?.()
    if (this.#outbox.counters.dropped === this.#reportedDrops || this.#dropTimer !== undefined) return
    this.#reportedDrops = this.#outbox.counters.dropped
    this.#quiet.warn('dropped', 'values were dropped, the oldest first: the store does not take them in time', {
      dropped: this.#reportedDrops,
    })
    this.#dropTimer = clock.setTimer(DROP_REPORT_MS, () => {
      this.#dropTimer = undefined
      this.#balance()
    })
    this.#report.setDropped(this.#reportedDrops)
    this.#publishState()
  }
}
