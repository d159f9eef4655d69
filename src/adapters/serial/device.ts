import type { Clock, Timer } from '#base/clock.ts'
import { describeError, type GatewayError, isGatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import { type Broker, type Client, type ClientLimits, type CloseReason, Message, type PressureListener } from '#broker/ports.ts'
import type { DeframerCounters } from '#codecs/framing/index.ts'
import type { SerialDeviceConfig } from './config-keys.ts'
import { type DeviceState, StateReport } from './device-state.ts'
import { type Gap, SerialEngine } from './engine.ts'
import { type LineCounters, LineReader } from './line-reader.ts'
import { Outbox, type OutboxCounters } from './outbox.ts'
import { Points, type Reading } from './points.ts'
import type { PortOpener } from './port.ts'
import { QuietLog } from './quiet-log.ts'
import { DeviceWriter, type WriteCounters } from './writer.ts'

/** Names of points that one device may use; fields beyond them are counted as invalid. */
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
  readonly #reader: LineReader
  readonly #outbox: Outbox
  readonly #engine: SerialEngine
  readonly #writer: DeviceWriter
  readonly #report: StateReport
  readonly #topics = new Map<string, string>()
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
    const points = new Points(config.points)
    this.#reader = new LineReader(
      config,
      points,
      reading => this.#publish(reading),
      reason => this.#quiet.warn('line-malformed', 'a line cannot be read', { reason }),
    )
    this.#outbox = this.#makeOutbox()
    this.#engine = this.#makeEngine()
    this.#writer = new DeviceWriter({
      base: this.#base,
      config,
      points,
      write: bytes => this.#engine.write(bytes),
      failed: (topic, reason) => this.#quiet.warn('write-failed', 'a write did not reach the device', { topic, reason }),
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
    await this.#engine.stop()
    this.#reader.reset()
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
      framing: this.#reader.framing,
      lines: this.#reader.counters,
      messages: this.#outbox.counters,
      writes: this.#writer.counters,
      waiting: this.#outbox.waiting,
    }
  }

  pressure(high: boolean): void {
    if (!high) this.#outbox.drain()
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
      },
      opener,
      clock,
      idleMs: this.#reader.idleMs,
      events: {
        data: bytes => this.#reader.push(bytes),
        idle: () => this.#reader.idle(),
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

  #publish(reading: Reading): void {
    const { config, broker, clock, name } = this.#options
    const json = config.format === 'json'
    if (!json && (!reading.good || reading.value === null)) return
    const topic = this.#topicOf(reading.point)
    if (topic === undefined) return
    const timeMs = clock.now()
    const timeQuality = clock.synchronised() ? 'synced' : 'unsynced'
    const { value, unit } = reading
    const payload = json ? JSON.stringify({ value, unit, time: timeMs, timeQuality, quality: reading.good ? 'good' : 'bad' }) : reading.text
    this.#outbox.add(
      Message.from({
        topic,
        payload: Buffer.from(payload),
        qos: 1,
        retain: config.retain,
        publisher: `$serial:${name}`,
        timeMs,
        timeQuality,
        takenAtMs: broker.runningMs(),
        properties: json ? JSON_PROPERTIES : undefined,
      }),
    )
  }

  #topicOf(point: string): string | undefined {
    const known = this.#topics.get(point)
    if (known !== undefined) return known
    if (this.#topics.size >= POINTS_MAX) {
      this.#reader.counters.invalid++
      this.#quiet.warn('points', `the device has more than ${POINTS_MAX} points`, { point })
      return undefined
    }
    const topic = this.#base + point
    this.#topics.set(point, topic)
    return topic
  }

  #online(gap: Gap | undefined): void {
    this.#logger.info('port open', { port: this.#options.config.port, ...(gap && { gapMs: gap.to - gap.from }) })
    this.#setState({ state: 'online', ...(gap && { gap }) })
  }

  #offline(reason: GatewayError): void {
    this.#reader.reset()
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
