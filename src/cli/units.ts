/** Numbers for people. The API has them exactly. */

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** `0 B`, `1.5 KiB`, `64 MiB`. */
export function showBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${value.toFixed(digits).replace(/\.0$/, '')} ${BYTE_UNITS[unit]}`
}

/** `1,234,567`. */
export function showCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

const SECOND = 1
const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

/** The two greatest units: `45 s`, `3 min 20 s`, `2 h 5 min`, `12 d 3 h`. */
export function showSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < MINUTE) return `${whole} s`
  if (whole < HOUR) return two(whole, MINUTE, 'min', SECOND, 's')
  if (whole < DAY) return two(whole, HOUR, 'h', MINUTE, 'min')
  return two(whole, DAY, 'd', HOUR, 'h')
}

function two(whole: number, great: number, greatUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((whole % great) / small)
  return `${Math.floor(whole / great)} ${greatUnit}${rest === 0 ? '' : ` ${rest} ${smallUnit}`}`
}

/** How long ago an ISO 8601 time was, as seen from `nowMs`; empty when there is none. */
export function showAge(time: string | undefined, nowMs: number): string {
  if (time === undefined) return ''
  const ageMs = nowMs - Date.parse(time)
  // The clock was set meanwhile: the time itself says more than a negative age.
  return ageMs < -1000 ? time : showSeconds(ageMs / 1000)
}

/** What has happened at all: `accepted 12, refused-full 1`. */
export function showCounts(counters: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counters).flatMap(([name, count]) => (count > 0 ? [`${name} ${showCount(count)}`] : []))
  return parts.join(', ') || '-'
}
