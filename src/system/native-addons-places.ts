/**
 * The places from which the executable's native addons may be loaded. The system loads code from files only, and
 * will not from a file system that is mounted `noexec`; and nothing may be loaded that another user could have put
 * there.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import { systemCode } from '#base/errors.ts'

/** What an addon is, wherever it is put. */
export interface AddonContent {
  /** `better-sqlite3-0123456789abcdef.node`: the name has a hash of the content. */
  installName: string
  /** Name without hash and ending. */
  name: string
  bytes: Uint8Array
}

/** A file that may be loaded. */
export interface AddonPlace {
  file: string
  /** Frees what only this attempt holds. */
  discard(): void
}

/** A way to come by a file with the addon. Undefined or an error where there is none. */
export type PlaceFinder = (addon: AddonContent) => AddonPlace | undefined

/** Where the Debian package puts the addons as plain files. */
export const INSTALLED_FOLDER = '/usr/lib/tidegate'

const WRITABLE_BY_OTHERS = 0o022
const COMPARE_BYTES = 64 * 1024
/** Asks for a file without a name. Node has no constant for it; this is `__O_TMPFILE` of Linux, which goes with O_DIRECTORY. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY

/** All ways, in the order in which they are tried. */
export function placeFinders(environment: NodeJS.ProcessEnv = process.env): PlaceFinder[] {
  return [
    addon => installedFile(addon, INSTALLED_FOLDER, 0),
    ...cacheFolders(environment).map(folder => (addon: AddonContent) => cachedFile(addon, folder)),
    ...['/dev/shm', tmpdir(), '/var/tmp'].map(folder => (addon: AddonContent) => namelessFile(addon, folder)),
  ]
}

/** The folders that belong to this user alone: the service's as systemd names it, else as desktops have it. */
function cacheFolders(environment: NodeJS.ProcessEnv): string[] {
  const service = environment['CACHE_DIRECTORY']?.split(delimiter)[0]
  const user = environment['XDG_CACHE_HOME'] || join(environment['HOME'] || homedir(), '.cache')
  return [service ?? '', join(user, 'tidegate')].filter(isAbsolute)
}

/** A file that `owner` has installed and nobody else can change. */
export function installedFile({ installName, bytes }: AddonContent, folder: string, owner: number): AddonPlace | undefined {
  const file = join(folder, installName)
  if (!isPrivate(lstatSync(folder), owner)) return undefined
  const found = lstatSync(file)
  if (!found.isFile() || !isPrivate(found, owner) || found.size !== bytes.length) return undefined
  return { file, discard: () => {} }
}

/**
 * The file in a folder that is this user's own; made, or made anew, unless it is there with the very same content.
 * It stays there even if it cannot be loaded: to write it at every start would wear the disk out for nothing.
 */
export function cachedFile(addon: AddonContent, folder: string): AddonPlace | undefined {
  const user = process.geteuid!()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const own = lstatSync(folder)
  if (!own.isDirectory() || !isPrivate(own, user)) return undefined
  const file = join(folder, addon.installName)
  const found = openIfSame(file, addon.bytes, user)
  if (found !== undefined) return openPlace(found)
  writeCached(addon, folder, file)
  const made = openIfSame(file, addon.bytes, user)
  return made === undefined ? undefined : openPlace(made)
}

function writeCached(addon: AddonContent, folder: string, file: string): void {
  const fresh = join(folder, `.${addon.installName}.${process.pid}`)
  remove(fresh)
  const descriptor = openSync(fresh, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o700)
  try {
    writeWhole(descriptor, addon.bytes)
    // Without it a power cut could leave a name without content behind.
    fsyncSync(descriptor)
    renameSync(fresh, file)
  } catch (error) {
    remove(fresh)
    throw error
  } finally {
    closeSync(descriptor)
  }
  removeOthers(addon, folder)
}

/** A file without a name, so that nobody else can have made or can change it. It lives as long as it is open. */
export function namelessFile({ bytes }: AddonContent, folder: string): AddonPlace {
  const descriptor = openSync(folder, constants.O_RDWR | O_TMPFILE | constants.O_EXCL, 0o700)
  try {
    fchmodSync(descriptor, 0o700)
    writeWhole(descriptor, bytes)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  return openPlace(descriptor)
}

/** An open file, which is the same whatever happens to its name. */
function openPlace(descriptor: number): AddonPlace {
  return { file: `/proc/self/fd/${descriptor}`, discard: () => closeSync(descriptor) }
}

function isPrivate(found: Stats, owner: number): boolean {
  return found.uid === owner && (found.mode & WRITABLE_BY_OTHERS) === 0
}

/** The descriptor of the file if it is `user`'s own and holds these bytes. */
function openIfSame(file: string, bytes: Uint8Array, user: number): number | undefined {
  let descriptor: number
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
  try {
    const found = fstatSync(descriptor)
    if (found.isFile() && isPrivate(found, user) && found.size === bytes.length && holds(descriptor, bytes)) return descriptor
  } catch {
    // A file that cannot be read is made anew.
  }
  closeSync(descriptor)
  return undefined
}

function holds(descriptor: number, bytes: Uint8Array): boolean {
  const buffer = Buffer.allocUnsafe(COMPARE_BYTES)
  for (let at = 0; at < bytes.length; ) {
    const count = readSync(descriptor, buffer, 0, COMPARE_BYTES, at)
    if (count === 0 || buffer.compare(bytes, at, at + count, 0, count) !== 0) return false
    at += count
  }
  return true
}

function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at, bytes.length - at)
}

/** Files of other versions of the same addon. */
function removeOthers({ name, installName }: AddonContent, folder: string): void {
  const others = readdirSync(folder).filter(each => each !== installName && /^-[0-9a-f]{16}\.node$/.test(each.slice(name.length)))
  for (const other of others) if (other.startsWith(name)) remove(join(folder, other))
}

function remove(file: string): void {
  try {
    unlinkSync(file)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}
