/** Where a run takes place: the cores, the folder for data, a port. */
import { spawnSync } from 'node:child_process'
import { readFileSync, statfsSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'

/** From util-linux, which nearly every machine has. */
const PIN = 'taskset'

/** File systems in memory, by their magic number (statfs(2)): what is synced there costs nothing. */
const IN_MEMORY = [0x0102_1994, 0x8584_58f6]

export interface Placement {
  /** The core of the server and that of the generator; `undefined`: they run where the kernel puts them. */
  cores: { server: number; generator: number } | undefined
  /** Holds the servers' data folders. */
  folder: string
  /** What takes from the worth of the figures. */
  remarks: string[]
}

/** Looks at this machine. */
export function findPlacement(): Placement {
  const remarks: string[] = []
  const [server, generator] = parseCoreList(/^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '')
  let cores: Placement['cores']
  if (server === undefined || generator === undefined) remarks.push('not pinned: there is only one core, which server and generator share')
  else if (spawnSync(PIN, ['-c', String(server), 'true']).status !== 0) remarks.push('not pinned: taskset is missing or may not be used')
  else cores = { server, generator }
  const folders = [process.env['TMPDIR'] ?? '', '/var/tmp', tmpdir()].filter(folder => folder !== '')
  const folder = folders.find(onDisk)
  if (folder === undefined)
    remarks.push(`${folders[0]} is in memory: syncing to disk costs nothing there; set TMPDIR to a folder on a disk`)
  return { cores, folder: folder ?? folders[0]!, remarks }
}

/** The numbers in a list such as `0-2,5`. */
export function parseCoreList(text: string): number[] {
  return text.split(',').flatMap(part => {
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? []
    if (first === undefined) return []
    return Array.from({ length: Number(last ?? first) - Number(first) + 1 }, (_, index) => Number(first) + index)
  })
}

/** `command`, pinned to a core if there is one to pin to. */
export function pinned(core: number | undefined, command: readonly string[]): string[] {
  return core === undefined ? [...command] : [PIN, '-c', String(core), ...command]
}

/** A TCP port that nobody listened on a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}

function onDisk(folder: string): boolean {
  try {
    return !IN_MEMORY.includes(statfsSync(folder).type)
  } catch {
    return false
  }
}
