import type { LogFields, LogLevel } from '#base/logger.ts'
import { plainValue, safeText } from './log-value.ts'

export interface LogLine {
  /** Wall-clock time in milliseconds since 1970. */
  timeMs: number
  level: LogLevel
  message: string
  fields: LogFields
  /** Whether errors show where they came from. */
  stacks: boolean
}

const COLOURS: Record<LogLevel, string> = { debug: '\x1b[90m', info: '\x1b[32m', warn: '\x1b[33m', error: '\x1b[31m' }
const DIM = '\x1b[2m'
const PLAIN = '\x1b[0m'

/** Keys of the line itself; a field of such a name gets an underscore behind it. */
const RESERVED = new Set(['time', 'level', 'msg'])

/** One JSON object: `{"time":"2026-11-21T09:30:00.000Z","level":"info","msg":"…",…fields}`. */
export function formatJson({ timeMs, level, message, fields, stacks }: LogLine): string {
  const line: Record<string, unknown> = { time: new Date(timeMs).toISOString(), level, msg: message }
  for (const [key, value] of Object.entries(fields)) line[RESERVED.has(key) ? `${key}_` : key] = plainValue(value, stacks)
  return JSON.stringify(line)
}

/** A line for people: `09:30:00.000 warn  message key=value`, in local time. */
export function formatHuman({ timeMs, level, message, fields, stacks }: LogLine, colours: boolean): string {
  const dim = colours ? DIM : ''
  const plain = colours ? PLAIN : ''
  const colour = colours ? COLOURS[level] : ''
  let line = `${dim}${clockTime(timeMs)}${plain} ${colour}${level.padEnd(5)}${plain} ${safeText(message)}`
  for (const [key, value] of Object.entries(fields)) {
    for (const [name, text] of pairs(safeText(key), plainValue(value, stacks))) line += ` ${dim}${name}=${plain}${text}`
  }
  return line
}

function clockTime(timeMs: number): string {
  const time = new Date(timeMs)
  const two = (part: number) => String(part).padStart(2, '0')
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, '0')}`
}

/** `key=value`, or for the parts of an object `key.part=value`; the message of an error stands under its key alone. */
function pairs(key: string, value: unknown): [string, string][] {
  if (value === undefined) return []
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [[key, quoted(value)]]
  return Object.entries(value).flatMap(([part, inner]) => pairs(part === 'message' ? key : `${key}.${safeText(part)}`, inner))
}

/** Text as it is where it cannot be misread, else in quotes. */
function quoted(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"'=\\]+$/.test(value)) return safeText(value)
  return safeText(JSON.stringify(value))
}
