import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** The files of a store, all in the data directory. */
export class StoreFiles {
  readonly dataDir: string
  readonly database: string
  readonly wal: string
  readonly shm: string
  /** Held locked by the gateway that uses the store. */
  readonly lock: string
  /** Says who holds the lock, for people. */
  readonly lockHolder: string
  /** Space set aside for the deletions of a full disk. */
  readonly reserve: string
  /** There while the database is known to be damaged and has not been set aside yet. */
  readonly damaged: string

  constructor(dataDir: string) {
    this.dataDir = dataDir
    this.database = join(dataDir, 'tidegate.db')
    this.wal = `${this.database}-wal`
    this.shm = `${this.database}-shm`
    this.lock = join(dataDir, 'tidegate.lock')
    this.lockHolder = join(dataDir, 'tidegate.pid')
    this.reserve = join(dataDir, 'tidegate.reserve')
    this.damaged = join(dataDir, 'tidegate.damaged')
  }
}

/** Length of a file, 0 when there is none. */
export function fileBytes(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** Makes names that were created, renamed or removed in a directory durable. */
export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Bytes that may still be written to the file system of a directory. */
export function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize
}

export const RESERVE_BYTES = 1 << 20

/**
 * A file that takes up space while there is some. When the disk is full it is removed, so that the deletions that
 * make room have somewhere to be written.
 */
export class Reserve {
  readonly #file: string
  readonly #directory: string
  present = false

  constructor(files: StoreFiles) {
    this.#file = files.reserve
    this.#directory = files.dataDir
    this.present = fileBytes(this.#file) === RESERVE_BYTES
  }

  /** Gives its space back. False: it was not there. */
  release(): boolean {
    const was = this.present
    this.present = false
    rmSync(this.#file, { force: true })
    return was
  }

  /** Takes up space again, where there is enough of it that nobody is pressed. Failing is no fault. */
  make(): void {
    if (this.present) return
    try {
      if (freeBytes(this.#directory) < 4 * RESERVE_BYTES) return
      const descriptor = openSync(this.#file, 'w', 0o600)
      try {
        const zeros = Buffer.alloc(RESERVE_BYTES)
        for (let at = 0; at < zeros.length; ) at += writeSync(descriptor, zeros, at)
        fsyncSync(descriptor)
        this.present = true
      } finally {
        closeSync(descriptor)
      }
    } catch {
      rmSync(this.#file, { force: true })
    }
  }
}
