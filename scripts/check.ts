/** All that can be said about the source without running it: `npm run check`. Exits 1 when anything is wrong. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

interface Step {
  name: string
  command: string[]
}

const ROOT = join(import.meta.dirname, '..')

const STEPS: Step[] = [
  { name: 'types', command: ['tsc', '--noEmit', '--pretty', 'false'] },
  {
    name: 'lint and format',
    command: ['biome', 'check', '--error-on-warnings', '--config-path=scripts/lint.json', 'src', 'test', 'scripts'],
  },
  { name: 'direction of imports', command: ['node', 'scripts/check-dependencies.ts'] },
  { name: 'dead code', command: ['knip', '--no-progress', '--no-config-hints'] },
]
if (existsSync(join(ROOT, 'scripts/reference.ts'))) {
  STEPS.push({ name: 'reference up to date', command: ['node', 'scripts/reference.ts', '--check'] })
}

/** Runs one step and resolves with what it printed and whether it was content. */
function run({ command: [program, ...args] }: Step): Promise<{ ok: boolean; output: string }> {
  return new Promise(resolve => {
    let output = ''
    const child = spawn(program!, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
    const keep = (chunk: Buffer) => (output += chunk)
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', error => resolve({ ok: false, output: `${program}: ${error.message}\n` }))
    child.on('close', status => resolve({ ok: status === 0, output }))
  })
}

let faults = 0
for (const step of STEPS) {
  const { ok, output } = await run(step)
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${step.name}`)
  if (!ok) {
    faults++
    console.log(output.trimEnd())
  }
}
process.exitCode = faults > 0 ? 1 : 0
