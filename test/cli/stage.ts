/** A terminal, a process and a house for commands under test. */
import { PassThrough, Writable } from 'node:stream'
import type { Clock } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import { type LogFields, type Logger, silentLogger } from '#base/logger.ts'
import { bind, path, type SocketAddress, table } from '#base/schema.ts'
import {
  type About,
  type ConfigCore,
  type Context,
  type Gateway,
  type GatewayOptions,
  runCommandLine,
  type ServiceManager,
  type Signal,
  type StoppedUsers,
  Terminal,
} from '#cli/index.ts'
import type { SerialParts } from '#cli/serial-parts.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

export const schema = table(
  {
    gateway: table({ data_dir: path({ default: './tidegate-data', description: 'data' }) }, { description: 'gateway' }),
    admin: table(
      { socket: path({ description: 'socket' }), bind: bind({ default: '127.0.0.1:18083', description: 'bind' }) },
      {
        description: 'admin',
        check: ({ bind: at }: { bind: SocketAddress }) =>
          at.port === 1 ? [{ key: 'bind', message: 'is an odd port', severity: 'warning' as const, hint: 'take another' }] : [],
      },
    ),
  },
  { description: 'all' },
)

/** Keeps what was written; can fail like a pipe whose reader is gone. */
export class Page extends Writable {
  text = ''
  broken = false
  readonly #waiting: { wanted: RegExp; resolve: () => void }[] = []

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (this.broken) return done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    this.text += chunk.toString()
    for (const each of this.#waiting.splice(0)) {
      if (each.wanted.test(this.text)) each.resolve()
      else this.#waiting.push(each)
    }
    done()
  }

  /** Resolves once the text matches. */
  until(wanted: RegExp): Promise<void> {
    if (wanted.test(this.text)) return Promise.resolve()
    return new Promise(resolve => this.#waiting.push({ wanted, resolve }))
  }
}

export class FakeGateway implements Gateway {
  readonly calls: string[] = []
  starting: Promise<void> = Promise.resolve()
  stopping: Promise<void> = Promise.resolve()
  reloading: Promise<void> = Promise.resolve()
  reloaded: ConfigCore[] = []
  /** Resolves when `stop` was called. */
  readonly stopCalled: Promise<void>
  #stopCalled: () => void = () => {}

  constructor() {
    this.stopCalled = new Promise(resolve => (this.#stopCalled = resolve))
  }

  async start(): Promise<void> {
    this.calls.push('start')
    await this.starting
  }

  async reload(config: ConfigCore): Promise<void> {
    this.calls.push('reload')
    this.reloaded.push(config)
    await this.reloading
  }

  async stop(): Promise<void> {
    this.calls.push('stop')
    this.#stopCalled()
    await this.stopping
  }

  stateLine(): string {
    return 'all is well'
  }

  async heartbeat(): Promise<void> {}
}

export type Answerer = (method: string, path: string, body: unknown) => { status: number; body: unknown }

export class Stage {
  readonly out = new Page()
  readonly err = new Page()
  readonly stdin = new PassThrough()
  readonly clock = new VirtualClock()
  readonly gateway = new FakeGateway()
  readonly signals = new Map<Signal, () => void>()
  uncaught: (error: unknown) => void = () => {}
  readonly exits: number[] = []
  /** What the service manager was told. */
  readonly told: string[] = []
  options: GatewayOptions | undefined
  env: Record<string, string> = {}
  folder = '/somewhere'
  /** Sockets on which a gateway answers. */
  readonly answering = new Map<string, Answerer>()
  readonly asked: string[] = []
  readonly logged: string[] = []
  /** For commands that talk to real sockets. */
  realClock: Clock | undefined
  readonly #logWaiters: { wanted: RegExp; resolve: () => void }[] = []

  /** Runs a command line to its end. */
  run(...words: string[]): Promise<number> {
    return runCommandLine(words, this.context())
  }

  signal(name: Signal): void {
    const handler = this.signals.get(name)
    if (handler === undefined) throw new Error(`nobody waits for ${name}`)
    handler()
  }

  /** Resolves once a log line matches. */
  untilLogged(wanted: RegExp): Promise<void> {
    if (this.logged.some(line => wanted.test(line))) return Promise.resolve()
    return new Promise(resolve => this.#logWaiters.push({ wanted, resolve }))
  }

  /** Commands about serial lines get what a test puts here. */
  serialParts: () => SerialParts = () => {
    throw new Error('no serial parts on this stage')
  }

  context(): Context {
    const stage = this
    const about: About = { version: '1.2.3', commit: 'abc', node: '24.0.0', sqlite: '3.50.0' }
    return {
      env: this.env,
      folder: this.folder,
      stdin: this.stdin,
      terminal: new Terminal(this.out, this.err),
      surroundings: {
        onSignal: (signal, run) => void stage.signals.set(signal, run),
        onUncaught: run => void (stage.uncaught = run),
        exit: code => void stage.exits.push(code),
      },
      parts: {
        about: async () => about,
        schema: async () => schema,
        async createGateway(options) {
          stage.options = options
          return stage.gateway
        },
        createLogger: async () => stage.#logger(),
        async openControl(socketPath) {
          return {
            async request(method, path, body) {
              stage.asked.push(`${socketPath} ${method} ${path}`)
              const answerer = stage.answering.get(socketPath)
              if (answerer === undefined) throw new GatewayError('not-running', `no gateway answers at ${socketPath}`)
              return answerer(method, path, body)
            },
          }
        },
        openServiceManager: async () => this.#manager(),
        serial: async () => stage.serialParts(),
        readProfile: () => undefined,
        openStoppedUsers: async dataDir => this.stoppedUsers(dataDir),
        clock: this.realClock ?? this.clock,
      },
    }
  }

  #manager(): ServiceManager {
    const told = (what: string) => (detail?: unknown) => {
      this.told.push(typeof detail === 'string' ? `${what}: ${detail}` : what)
    }
    return {
      starting: told('starting'),
      ready: told('ready'),
      reloading: told('reloading'),
      reloaded: told('reloaded'),
      stopping: told('stopping'),
      failed: told('failed'),
    }
  }

  /** Users of stopped gateways, by data directory: name to password. */
  readonly stores = new Map<string, Map<string, string>>()

  stoppedUsers(dataDir: string): StoppedUsers {
    const store = this.stores.get(dataDir) ?? new Map<string, string>()
    this.stores.set(dataDir, store)
    return {
      list: () => Array.from(store.keys(), username => ({ username, source: 'store', scram: true, createdAtMs: 0 })),
      add: async (username, password) => void store.set(username, password),
      changePassword: async (username, password) => void store.set(username, password),
      remove: async username => void store.delete(username),
      close: async () => {},
    }
  }

  #logger(): Logger {
    const log = (level: string) => (message: string, fields?: LogFields) => {
      this.logged.push(`${level} ${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`)
      for (const each of this.#logWaiters.splice(0)) {
        if (this.logged.some(line => each.wanted.test(line))) each.resolve()
        else this.#logWaiters.push(each)
      }
    }
    return { ...silentLogger, enabled: () => true, debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
  }
}
