/** Where the native addons of each architecture come from: built into npm packages, or compiled from our own source. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export type Arch = 'x64' | 'arm64'

/** Prefixes of Debian's tools for an architecture: `aarch64-linux-gnu` for `aarch64-linux-gnu-gcc`, `-strip`. */
export const TRIPLES: Record<Arch, string> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }

/** In the packages, below `node_modules/`. */
const PREBUILT: Record<string, Record<Arch, string>> = {
  'better-sqlite3': {
    x64: 'better-sqlite3/prebuilds/linux-x64.node',
    arm64: 'better-sqlite3/prebuilds/linux-arm64.node',
  },
  serialport: {
    x64: '@serialport/bindings-cpp/prebuilds/linux-x64/@serialport+bindings-cpp.glibc.node',
    arm64: '@serialport/bindings-cpp/prebuilds/linux-arm64/@serialport+bindings-cpp.armv8.glibc.node',
  },
}

/** Our own, each one C file that needs Node-API and libc only. */
const OWN: Record<string, string> = { notify: 'src/system/native/notify.c', pty: 'src/system/native/pty.c' }

const COMPILER_OPTIONS = ['-O2', '-fPIC', '-shared', '-s', '-Wall', '-Wextra', '-Wl,-z,relro,-z,now', '-DNAPI_VERSION=8']

/** An addon by its name in `src/system/native-addons.ts`. */
export interface Addon {
  name: string
  file: string
}

/**
 * All addons for `arch`; what is compiled is put into `folder`.
 * @throws when a compiler is missing or fails
 */
export function collectAddons(root: string, arch: Arch, folder: string): Addon[] {
  const own = Object.entries(OWN).filter(([, source]) => existsSync(join(root, source)))
  return [
    ...prebuilt(root, arch),
    ...own.map(([name, source]) => ({ name, file: compile(root, source, arch, join(folder, `${name}.node`)) })),
  ]
}

/**
 * Puts the addons for this machine into `folder`, as `NAME.node`. Own ones that cannot be compiled are left out;
 * returns why, one line each.
 */
export function installAddons(root: string, folder: string): string[] {
  const arch = process.arch as Arch
  const faults: string[] = []
  for (const { name, file } of prebuilt(root, arch)) put(readFileSync(file), join(folder, `${name}.node`))
  for (const [name, source] of Object.entries(OWN)) {
    if (!existsSync(join(root, source))) continue
    const fresh = join(folder, `${name}.${process.pid}`)
    try {
      renameSync(compile(root, source, arch, fresh), join(folder, `${name}.node`))
    } catch (error) {
      faults.push(`${source} is left out: ${(error as Error).message.split('\n')[0]}`)
    }
  }
  return faults
}

function prebuilt(root: string, arch: Arch): Addon[] {
  const found = Object.entries(PREBUILT).map(([name, files]) => ({ name, file: join(root, 'node_modules', files[arch]) }))
  return found.filter(({ file }) => existsSync(file))
}

function compile(root: string, source: string, arch: Arch, output: string): string {
  mkdirSync(dirname(output), { recursive: true })
  // The source by its relative path: nothing of this machine's folders gets into the addon.
  const words = [...COMPILER_OPTIONS, '-I', 'node_modules/node-api-headers/include', source, '-o', output]
  execFileSync(`${TRIPLES[arch]}-gcc`, words, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  return output
}

/** Moved into place, since a running gateway may have the old file mapped. */
function put(bytes: Uint8Array, file: string): void {
  if (existsSync(file) && readFileSync(file).equals(bytes)) return
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.${process.pid}`, bytes)
  renameSync(`${file}.${process.pid}`, file)
}
