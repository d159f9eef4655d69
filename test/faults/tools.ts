import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = fileURLToPath(new URL('.', import.meta.url))

/** Runs a command quietly; returns what it said. */
export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Compiles one of the C files beside this one; returns the result's name. */
export function compile(source: string, directory: string, { shared = false } = {}): string {
  const target = join(directory, source.replace(/\.c$/, shared ? '.so' : ''))
  run(
    'gcc',
    '-O1',
    '-Wall',
    '-Werror',
    ...(shared ? ['-shared', '-fPIC'] : []),
    '-o',
    target,
    join(HERE, source),
    ...(shared ? ['-ldl'] : []),
  )
  return target
}

/** Why a test that needs root or a tool cannot run here, or false. With `CI` set nothing is skipped: it fails instead. */
export function missing(needs: { root?: boolean; tools?: string[] }): string | false {
  if (process.env['CI'] === 'true') return false
  if (needs.root && process.getuid?.() !== 0) return 'needs root'
  for (const tool of needs.tools ?? []) {
    try {
      run('sh', '-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${tool}`)
    } catch {
      return `needs ${tool}`
    }
  }
  return false
}

/** A small file system in memory; give the result to {@link unmount}. */
export function mountTmpfs(directory: string, size: string): string {
  mkdirSync(directory, { recursive: true })
  run('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tidegate-test', directory)
  return directory
}

export function unmount(directory: string): void {
  run('umount', directory)
}

/** An ext4 file system of its own on a file, whose power can be cut. */
export class Ext4Disk {
  readonly image: string
  readonly directory: string
  readonly #shutdown: string

  constructor(directory: string, megabytes = 64) {
    this.image = join(directory, 'disk.img')
    this.directory = join(directory, 'disk')
    this.#shutdown = compile('shutdown.c', directory)
    mkdirSync(this.directory)
    run('truncate', '-s', `${megabytes}M`, this.image)
    run('sh', '-c', 'PATH=$PATH:/usr/sbin:/sbin exec mkfs.ext4 -q -F "$0"', this.image)
    this.#mount()
  }

  #mount(): void {
    run('mount', '-o', 'loop,noatime', this.image, this.directory)
  }

  /** From now on nothing reaches the disk, and everything fails. */
  cut(): void {
    run(this.#shutdown, this.directory)
  }

  /** The power is back: the journal is replayed. Whoever used it must have ended. */
  back(): void {
    unmount(this.directory)
    this.#mount()
  }

  remove(): void {
    unmount(this.directory)
  }
}
