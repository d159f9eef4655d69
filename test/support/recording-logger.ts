import type { LogFields, Logger, LogLevel } from '#base/logger.ts'

export interface LogRecord {
  level: LogLevel
  message: string
  fields: LogFields
}

/** A logger that remembers its lines, children's included. */
export class RecordingLogger implements Logger {
  readonly records: LogRecord[]
  readonly #fields: LogFields

  constructor(records: LogRecord[] = [], fields: LogFields = {}) {
    this.records = records
    this.#fields = fields
  }

  enabled(): boolean {
    return true
  }

  debug(message: string, fields?: LogFields): void {
    this.#keep('debug', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#keep('info', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#keep('warn', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#keep('error', message, fields)
  }

  child(fields: LogFields): RecordingLogger {
    return new RecordingLogger(this.records, { ...this.#fields, ...fields })
  }

  /** The messages of one level, in order. */
  messages(level: LogLevel): string[] {
    return this.records.filter(record => record.level === level).map(record => record.message)
  }

  #keep(level: LogLevel, message: string, fields: LogFields = {}): void {
    this.records.push({ level, message, fields: { ...this.#fields, ...fields } })
  }
}
