import { readFileSync, statSync } from 'node:fs'

/** Changes whenever a file does; undefined: there is none, or it cannot be looked at. */
export function fileStamp(path: string): string | undefined {
  try {
    const { mtimeMs, size, ino } = statSync(path)
    return `${mtimeMs} ${size} ${ino}`
  } catch {
    return undefined
  }
}

/** The bytes of a file. @throws the system's error */
export function readBytes(path: string): Uint8Array {
  return readFileSync(path)
}
