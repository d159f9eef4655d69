/**
 * Makes one executable: Node with the program inside as a single executable application. `@yao-pkg/pkg` does it in
 * its SEA mode; where that fails, Node itself and postject do the same. Both ways give the same bytes.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  fchmodSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { inject } from 'postject'
import type { SeaConfig, Target } from './sea-config.ts'

/** Marks the place in Node where a blob is announced; put together here, so that this text itself is no such mark. */
const FUSE = ['NODE_SEA', 'FUSE', 'fce680ab2cc467b6e072b8b5df1996b2'].join('_')

const PIECE_BYTES = 64 * 1024

export interface Staged {
  target: Target
  /** With all files that `seaConfig` names; for this target alone. */
  folder: string
  seaConfig: SeaConfig
  /** The stripped runtime. */
  base: string
  output: string
}

export type Way = 'pkg' | 'plain'

/** Makes `output` and returns how. @throws when neither way works */
export async function makeExecutable(staged: Staged, root: string): Promise<Way> {
  let way: Way = 'pkg'
  try {
    await byPkg(staged, root)
  } catch (error) {
    console.error(`package: pkg cannot make ${staged.target.name}, going on without it: ${(error as Error).message}`)
    way = 'plain'
    await plainly(staged)
  }
  rewrite(staged.output)
  return way
}

/**
 * Writes the file anew in small pieces. postject writes it in one: the system then keeps it in large pieces, of which
 * a process that is started soon after maps much more than it uses (17 MB in `ps`, until the file is read from disk).
 */
function rewrite(file: string): void {
  const input = openSync(file, 'r')
  const output = openSync(`${file}.new`, 'wx', 0o755)
  const piece = Buffer.allocUnsafe(PIECE_BYTES)
  for (let count = readSync(input, piece); count > 0; count = readSync(input, piece)) writeSync(output, piece, 0, count)
  closeSync(input)
  fchmodSync(output, 0o755)
  closeSync(output)
  renameSync(`${file}.new`, file)
}

/**
 * pkg looks for Node in its cache, below HOME, and works in a folder of its own below TMPDIR: both are made here, so
 * that it fetches nothing, and that the path of the program, which gets into the executable, is always the same.
 */
export async function byPkg({ target, folder, seaConfig, base, output }: Staged, root: string): Promise<void> {
  const home = join(folder, 'home')
  const temporary = join(folder, 'work')
  const cache = join(home, '.pkg-cache/sea')
  const name = `node-v${target.nodeVersion}-linux-${target.arch}`
  mkdirSync(join(cache, name, 'bin'), { recursive: true })
  mkdirSync(temporary)
  copyFileSync(base, join(cache, name, 'bin/node'))
  for (const mark of [`${name}/bin/node.ok`, `${name}.tar.gz`, `${name}.tar.gz.ok`]) writeFileSync(join(cache, mark), '')
  const order = { entry: join(folder, seaConfig.main), output, target, seaConfig: fromWithin(seaConfig) }
  try {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'pkg-sea.ts'), JSON.stringify(order)], {
      cwd: root,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: home, TMPDIR: temporary },
    })
    if (status !== 0) throw new Error(`${stdout}${stderr}`.trim().split('\n').slice(-5).join(' | '))
  } finally {
    rmSync(home, { recursive: true })
    rmSync(temporary, { recursive: true })
  }
}

/** By Node and postject alone. */
export async function plainly({ folder, seaConfig, base, output }: Staged): Promise<void> {
  const work = join(folder, 'work', 'plain')
  mkdirSync(work, { recursive: true })
  try {
    writeFileSync(join(work, 'sea-config.json'), JSON.stringify({ ...fromWithin(seaConfig), output: 'blob' }))
    execFileSync(process.execPath, ['--experimental-sea-config', 'sea-config.json'], { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] })
    copyFileSync(base, output)
    chmodSync(output, 0o755)
    await inject(output, 'NODE_SEA_BLOB', readFileSync(join(work, 'blob')), { sentinelFuse: FUSE, overwrite: true })
  } finally {
    rmSync(join(folder, 'work'), { recursive: true })
  }
}

/** The configuration as seen from a folder two levels below the staging folder. */
function fromWithin(seaConfig: SeaConfig): SeaConfig {
  const assets = Object.fromEntries(Object.entries(seaConfig.assets).map(([name, file]) => [name, join('../..', file)]))
  return { ...seaConfig, main: join('../..', seaConfig.main), assets }
}
