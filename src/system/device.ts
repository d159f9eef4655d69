/** What the gateway runs on: facts that do not change while it runs. */
import { readFileSync } from 'node:fs'
import { arch, availableParallelism, hostname, release, totalmem } from 'node:os'

export interface Device {
  /** The board's own name (`Raspberry Pi 4 Model B Rev 1.4`), where the firmware tells it. */
  model: string | undefined
  hostname: string
  /** `x64`, `arm64`. */
  arch: string
  /** The distribution's name (`Debian GNU/Linux 12 (bookworm)`), or the bare platform. */
  system: string
  kernel: string
  cpus: number
  memoryBytes: number
}

/** Reads a small text file; undefined when there is none. */
export type ReadText = (path: string) => string | undefined

const MODEL_FILES = ['/proc/device-tree/model', '/sys/class/dmi/id/product_name']

/** Device information, from the kernel and `/etc/os-release`. */
export function device(read: ReadText = readSmall): Device {
  return {
    model: MODEL_FILES.map(path => clean(read(path))).find(text => text !== undefined),
    hostname: hostname(),
    arch: arch(),
    system: prettyName(read('/etc/os-release')) ?? process.platform,
    kernel: release(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
  }
}

function readSmall(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Device-tree strings end with a zero byte. */
function clean(text: string | undefined): string | undefined {
  return text?.replaceAll('\0', '').trim() || undefined
}

function prettyName(osRelease: string | undefined): string | undefined {
  const line = osRelease?.split('\n').find(each => each.startsWith('PRETTY_NAME='))
  return (
    line
      ?.slice('PRETTY_NAME='.length)
      .trim()
      .replace(/^(["'])(.*)\1$/, '$2') || undefined
  )
}
