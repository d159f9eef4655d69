/**
 * Adds to package-lock.json the packages for other platforms that a registry mirror did not offer when the lock
 * file was written: npm leaves such optional packages out, and then refuses `npm ci` because they are missing.
 * They are entered with version and platform; no digest is known, and on the platforms that the project
 * supports none of them is ever fetched. Run it after every change of dependencies.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface LockedPackage {
  version?: string
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}

interface LockFile {
  packages: Record<string, LockedPackage>
}

const OSES = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const CPUS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64']

/** The optional packages that a locked package asks for and the lock file lacks: name to version. */
export function missingOptionals(lock: LockFile): Map<string, string> {
  const names = new Set(Object.keys(lock.packages).map(path => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)))
  const asked = Object.values(lock.packages).flatMap(({ optionalDependencies = {} }) => Object.entries(optionalDependencies))
  return new Map(asked.filter(([name]) => !names.has(name)))
}

/**
 * The platform that a package is for, read from its name: `@biomejs/cli-linux-x64-musl`.
 * @throws when the name tells none
 */
function platformOf(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> {
  const words = name.split(/[-/]/)
  const os = words.find(word => OSES.includes(word))
  const cpu = words.find(word => CPUS.includes(word))
  if (os === undefined || cpu === undefined) throw new Error(`${name}: not a package for one platform; its registry should have it`)
  const libc = words.some(word => word.startsWith('musl'))
    ? ['musl']
    : os === 'linux' && words.some(word => word.startsWith('gnu'))
      ? ['glibc']
      : undefined
  return { cpu: [cpu], ...(libc && { libc }), os: [os] }
}

/** Enters what is missing. Returns the names. */
export function completeLock(lock: LockFile): string[] {
  const missing = missingOptionals(lock)
  for (const [name, version] of missing) lock.packages[`node_modules/${name}`] = { version, optional: true, ...platformOf(name) }
  const byPath = ([a]: [string, unknown], [b]: [string, unknown]) => (a < b ? -1 : 1)
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(byPath))
  return [...missing.keys()]
}

if (import.meta.main) {
  const path = join(import.meta.dirname, '../package-lock.json')
  const lock = JSON.parse(readFileSync(path, 'utf8')) as LockFile
  const added = completeLock(lock)
  if (added.length > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
  console.log(added.length === 0 ? 'the lock file is complete' : `added: ${added.join(', ')}`)
}
