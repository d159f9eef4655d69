/** A folder that stands for the root of a machine, with modes and times that do not depend on who makes it. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const FILE_MODE = 0o644
const FOLDER_MODE = 0o755

export class StagedTree {
  /** Where it lies, absolute. */
  readonly root: string
  readonly #epoch: number
  readonly #files: string[] = []

  /** @param epoch the time of every file, in seconds since 1970 */
  constructor(root: string, epoch: number) {
    this.root = root
    this.#epoch = epoch
    mkdirSync(root, { mode: FOLDER_MODE })
  }

  /** Paths are those on the machine: absolute. */
  write(path: string, content: string | Uint8Array, mode = FILE_MODE): void {
    writeFileSync(this.#prepare(path), content)
    chmodSync(join(this.root, path), mode)
  }

  copy(path: string, from: string, mode = FILE_MODE): void {
    copyFileSync(from, this.#prepare(path))
    chmodSync(join(this.root, path), mode)
  }

  /** Copies all files below `from` whose names are wanted; nothing if it does not exist. */
  copyFolder(path: string, from: string, isWanted: (name: string) => boolean = () => true): void {
    if (!existsSync(from)) return
    for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name)
      if (entry.isFile() && isWanted(entry.name)) this.copy(join(path, relative(from, file)), file)
    }
  }

  read(path: string): Uint8Array {
    return readFileSync(join(this.root, path))
  }

  /** The paths of all files so far, sorted. */
  files(): string[] {
    return [...this.#files].sort()
  }

  /** What the files so far take, as Debian Policy §5.6.20 counts: in KiB, each file and folder rounded up. */
  installedKib(): number {
    const folders = new Set(this.#files.flatMap(foldersOf))
    return this.#files.reduce((sum, path) => sum + Math.ceil(statSync(join(this.root, path)).size / 1024), folders.size)
  }

  /** Gives everything its time; nothing is added afterwards. */
  seal(): void {
    const folders = readdirSync(this.root, { recursive: true, withFileTypes: true })
    for (const entry of folders) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isDirectory()) chmodSync(path, FOLDER_MODE)
      utimesSync(path, this.#epoch, this.#epoch)
    }
    chmodSync(this.root, FOLDER_MODE)
    utimesSync(this.root, this.#epoch, this.#epoch)
  }

  #prepare(path: string): string {
    const file = join(this.root, path)
    mkdirSync(dirname(file), { recursive: true })
    this.#files.push(path)
    return file
  }
}

function foldersOf(path: string): string[] {
  const folders: string[] = []
  for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) folders.push(folder)
  return folders
}
