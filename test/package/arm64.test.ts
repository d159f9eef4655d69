/** The executable for arm64 on an emulated Cortex-A53, the processor of a Raspberry Pi 3 and Zero 2 W. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { peer } from '../support/peers.ts'
import { runToEnd } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { liveAndDie } from './life.ts'
import { executable } from './release.ts'

const LIBRARIES = '/usr/aarch64-linux-gnu'
const TIMEOUT_MS = 400_000
t.setTimeout(TIMEOUT_MS)

/** A program of its own that runs the executable by emulation; on arm64 the executable itself. */
function emulated(t: Test): string | undefined {
  const file = executable(t, 'arm64')
  if (file === undefined || process.arch === 'arm64') return file
  const qemu = peer(t, 'qemu-aarch64')
  if (qemu === undefined || peer(t, 'aarch64-libraries') === undefined) return undefined
  const program = join(temporaryFolder(t), 'tidegate')
  writeFileSync(program, `#!/bin/sh\nexec '${qemu}' -cpu cortex-a53 -L ${LIBRARIES} '${file}' "$@"\n`, { mode: 0o755 })
  return program
}

t.test('the executable for arm64 takes MQTT, CoAP and a serial line, and has it all after kill -9', { timeout: TIMEOUT_MS }, async t => {
  const program = emulated(t)
  if (program === undefined) return
  const version = await runToEnd(program, ['--version'], { timeoutMs: 60_000 })
  t.match(version, { code: 0, stderr: '', stdout: /^tidegate \d\S* \(commit \S+, Node 24\.\d+\.\d+, SQLite 3\.\d+\.\d+\)\n$/ })
  await liveAndDie(t, { program })
})
