/** A Debian machine of its own: systemd as process 1 in namespaces, on a copy-on-write view of the tree. */
import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { eventually } from '../support/eventually.ts'
import { type Finished, runToEnd } from '../support/program.ts'
import { KEEP } from '../support/temporary-folder.ts'

const BOOT_TIMEOUT_MS = 60_000
const COMMAND_TIMEOUT_MS = 120_000
const ENVIRONMENT = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LANG=C.UTF-8', 'DEBIAN_FRONTEND=noninteractive']

interface Owner {
  teardown(run: () => Promise<unknown>): unknown
}

export class Machine {
  /** Its files as seen from here. */
  readonly root: string
  readonly #initPid: number
  readonly #ended: Promise<unknown>

  /** Resolves when systemd says that it is up. */
  static async boot(t: Owner, tree: string): Promise<Machine> {
    const work = mkdtempSync(join(tmpdir(), 'tidegate-machine-'))
    const script = join(import.meta.dirname, 'machine-boot.sh')
    const child = spawn('sh', [script, tree, work], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', chunk => (said += String(chunk)))
    const ended = new Promise(resolve => child.once('close', resolve))
    const pidFile = join(work, 'init.pid')
    await eventually(
      'the machine has a process 1',
      () => existsSync(pidFile) || child.exitCode !== null,
      BOOT_TIMEOUT_MS,
      () => said,
    )
    if (child.exitCode !== null) throw new Error(`the machine did not start: ${said}`)
    const machine = new Machine(Number(readFileSync(pidFile, 'utf8')), ended)
    t.teardown(() => machine.#remove(child, work))
    // "degraded" where a unit that is not ours failed: a container may not do everything.
    const up = async () => /^(running|degraded)/.test((await machine.run('systemctl', 'is-system-running', '--wait')).stdout)
    await eventually('systemd is up', up, BOOT_TIMEOUT_MS, () => said)
    return machine
  }

  private constructor(initPid: number, ended: Promise<unknown>) {
    this.#initPid = initPid
    this.#ended = ended
    this.root = `/proc/${initPid}/root`
  }

  /** Runs a command on the machine as its root. */
  run(...words: string[]): Promise<Finished> {
    const into = ['--target', String(this.#initPid), '--all', 'env', '-i', ...ENVIRONMENT]
    return runToEnd('nsenter', [...into, ...words], { timeoutMs: COMMAND_TIMEOUT_MS })
  }

  /** Runs a line of shell, which must succeed, and returns what it wrote. */
  async shell(line: string): Promise<string> {
    const { code, stdout, stderr } = await this.run('sh', '-c', line)
    if (code !== 0) throw new Error(`${line}: ended with ${code}: ${stdout}${stderr}`)
    return stdout
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path))
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8')
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true })
    writeFileSync(join(this.root, path), text)
  }

  /** Puts a file of ours there. */
  copy(file: string, path: string): void {
    copyFileSync(file, join(this.root, path))
  }

  /** Properties of a unit. */
  async show<N extends string>(unit: string, ...names: N[]): Promise<Record<N, string>> {
    const text = await this.shell(`systemctl show ${unit} -p ${names.join(',')}`)
    const pairs = text
      .trim()
      .split('\n')
      .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
    return Object.fromEntries(pairs) as Record<N, string>
  }

  /** The number that this machine gives to a process which has the number `inner` there. */
  async outerPid(inner: string): Promise<number> {
    const mine = `/proc/${this.#initPid}/task/${this.#initPid}`
    const waiting = [...childrenOf(mine)]
    for (const pid of waiting) {
      const status = readIfThere(`/proc/${pid}/status`)
      if (/^NSpid:.*\t(\d+)$/m.exec(status)?.[1] === inner) return pid
      waiting.push(...childrenOf(`/proc/${pid}/task/${pid}`))
    }
    throw new Error(`there is no process ${inner}`)
  }

  async #remove(child: ChildProcess, work: string): Promise<void> {
    // What is left after a while goes with its process 1.
    if (child.exitCode === null) {
      const timer = setTimeout(() => killIfThere(this.#initPid), 20_000)
      await this.run('systemctl', 'poweroff', '--no-block').catch(() => {})
      await this.#ended
      clearTimeout(timer)
    }
    if (!KEEP) rmSync(work, { recursive: true, force: true })
  }
}

function childrenOf(task: string): number[] {
  return readIfThere(`${task}/children`).split(' ').filter(Boolean).map(Number)
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
