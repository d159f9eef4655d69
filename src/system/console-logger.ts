import { isatty } from 'node:tty'
import type { Clock } from '#base/clock.ts'
import type { LogFields, Logger, LogLevel } from '#base/logger.ts'
import { formatHuman, formatJson } from './log-format.ts'
import { LogSink, standardError, type WriteBytes } from './log-sink.ts'

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

export interface ConsoleLoggerOptions {
  /** The least level that is written. Default `info`. */
  level?: LogLevel
  clock: Clock
  /** `human` lines or `json`. Default: human when standard error is a terminal. */
  format?: 'human' | 'json'
  /** Whether human lines are coloured. Default: unless `NO_COLOR` is set. */
  colours?: boolean
  /** Where lines go. Default: standard error. */
  write?: WriteBytes
}

/** A logger whose level can be changed while it is in use, its children's with it. */
export interface ConsoleLogger extends Logger {
  setLevel(level: LogLevel): void
}

/** The logger of the command line and the service. Nothing that happens to standard error ends or holds up the process. */
export function consoleLogger(options: ConsoleLoggerOptions): ConsoleLogger {
  return new RootedLogger(new LogRoot(options), {})
}

/** What a logger and its children share. */
class LogRoot {
  level: LogLevel
  readonly #clock: Clock
  readonly #human: boolean
  readonly #colours: boolean
  readonly #sink: LogSink

  constructor(options: ConsoleLoggerOptions) {
    this.level = options.level ?? 'info'
    this.#clock = options.clock
    this.#human = (options.format ?? (isatty(2) ? 'human' : 'json')) === 'human'
    this.#colours = options.colours ?? !process.env['NO_COLOR']
    this.#sink = new LogSink(options.write ?? standardError(), options.clock, lines =>
      this.#format('warn', 'log lines were lost', { lines }),
    )
  }

  write(level: LogLevel, message: string, fields: LogFields): void {
    this.#sink.line(this.#format(level, message, fields))
  }

  #format(level: LogLevel, message: string, fields: LogFields): string {
    const line = { timeMs: this.#clock.now(), level, message, fields, stacks: this.level === 'debug' }
    return this.#human ? formatHuman(line, this.#colours) : formatJson(line)
  }
}

class RootedLogger implements ConsoleLogger {
  readonly #root: LogRoot
  readonly #fields: LogFields

  constructor(root: LogRoot, fields: LogFields) {
    this.#root = root
    this.#fields = fields
  }

  setLevel(level: LogLevel): void {
    this.#root.level = level
  }

  enabled(level: LogLevel): boolean {
    return RANK[level] >= RANK[this.#root.level]
  }

  debug(message: string, fields?: LogFields): void {
    this.#write('debug', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#write('warn', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields)
  }

  child(fields: LogFields): Logger {
    return new RootedLogger(this.#root, { ...this.#fields, ...fields })
  }

  #write(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (this.enabled(level)) this.#root.write(level, message, fields === undefined ? this.#fields : { ...this.#fields, ...fields })
  }
}
