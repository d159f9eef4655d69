/** The Node that an executable is made of: from the npm registry, checked against the lock file, and stripped. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Arch, TRIPLES } from '../native-addons.ts'

interface Locked {
  version: string
  integrity?: string
}

/** The version of Node that the project pins for `arch`, with its digest, as package-lock.json has them. */
export function lockedRuntime(root: string, arch: Arch): Locked {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> }
  const locked = lock.packages[`node_modules/node-linux-${arch}`]
  if (locked === undefined) throw new Error(`package-lock.json has no node-linux-${arch}`)
  return locked
}

/**
 * Puts the runtime for `arch` at `output`, without its symbols: injecting comes after, and stripping after that would
 * spoil it.
 * @throws when it cannot be had, is not what the lock file names, or the tools are missing
 */
export function placeBaseRuntime(root: string, arch: Arch, output: string): void {
  const installed = join(root, `node_modules/node-linux-${arch}/bin/node`)
  // npm has checked what it installed, and installs for this machine only.
  if (existsSync(installed)) copyFileSync(installed, output)
  else extract(fetched(root, arch), output)
  chmodSync(output, 0o755)
  execFileSync(`${TRIPLES[arch]}-strip`, ['--strip-all', output], { stdio: ['ignore', 'inherit', 'inherit'] })
}

/** The package's archive, kept below node_modules/.cache and checked each time. */
function fetched(root: string, arch: Arch): string {
  const { version, integrity } = lockedRuntime(root, arch)
  const folder = join(root, 'node_modules/.cache/tidegate-runtimes')
  const archive = join(folder, `node-linux-${arch}-${version}.tgz`)
  if (existsSync(archive) && digest(archive) === integrity) return archive
  const fresh = join(folder, `fetch-${process.pid}`)
  mkdirSync(fresh, { recursive: true })
  try {
    console.error(`package: fetching node-linux-${arch}@${version}`)
    const words = ['pack', `node-linux-${arch}@${version}`, '--silent', '--pack-destination', fresh]
    execFileSync('npm', words, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
    const got = join(fresh, `node-linux-${arch}-${version}.tgz`)
    if (digest(got) !== integrity) throw new Error(`node-linux-${arch}@${version} is not what package-lock.json names: ${digest(got)}`)
    renameSync(got, archive)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return archive
}

function digest(file: string): string {
  return `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`
}

function extract(archive: string, output: string): void {
  const fresh = `${output}.d`
  mkdirSync(fresh)
  execFileSync('tar', ['-xzf', archive, '-C', fresh, 'package/bin/node'], { stdio: ['ignore', 'inherit', 'inherit'] })
  renameSync(join(fresh, 'package/bin/node'), output)
  rmSync(fresh, { recursive: true })
}
