/**
 * Notices that files have changed, by looking at them: what certbot, Kubernetes and editors do (renames, swapped symbolic
 * links, network folders) is seen alike, which the system's own notices do not promise.
 */

import { stat } from 'node:fs/promises'
import type { Clock, Timer } from '#base/clock.ts'
import { systemCode } from '#base/errors.ts'

const INTERVAL_MS = 2000

export interface FileWatchOptions {
  readonly files: readonly string[]
  readonly clock: Clock
  /** The files are other ones than at the last call, or at the start, and have stayed as they are for one interval. */
  readonly onChange: () => Promise<void>
}

export class FileWatch {
  readonly #options: FileWatchOptions
  #known = ''
  #seen = ''
  #timer: Timer | undefined
  #closed = false

  /** Call it before the files are read: a change in between is then noticed. */
  static async start(options: FileWatchOptions): Promise<FileWatch> {
    const watch = new FileWatch(options)
    watch.#known = watch.#seen = await watch.#look()
    watch.#schedule()
    return watch
  }

  private constructor(options: FileWatchOptions) {
    this.#options = options
  }

  close(): void {
    this.#closed = true
    this.#options.clock.clearTimer(this.#timer)
  }

  #schedule(): void {
    if (this.#closed) return
    this.#timer = this.#options.clock.setTimer(INTERVAL_MS, () => void this.#compare())
  }

  /** Certificate and key come one after the other: only what two looks in a row have seen is taken. */
  async #compare(): Promise<void> {
    const now = await this.#look()
    const settled = now === this.#seen
    this.#seen = now
    if (settled && now !== this.#known && !this.#closed) {
      this.#known = now
      await this.#options.onChange()
    }
    this.#schedule()
  }

  async #look(): Promise<string> {
    const looks = await Promise.all(this.#options.files.map(look))
    return looks.join('\n')
  }
}

/** What tells one state of a file from another. `stat` follows links: a link that leads elsewhere is another file. */
async function look(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true })
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch (error) {
    return systemCode(error) ?? 'gone'
  }
}
