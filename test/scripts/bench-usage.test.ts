import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { freePort, parseCoreList, pinned } from '../../scripts/bench/placement.ts'
import { cpuUs, inSession, memory, parseStat, processTree } from '../../scripts/bench/usage.ts'

t.test('a stat line is read whatever the program is called', async t => {
  const rest = 'S 12 34 56 0 -1 4194560 100 200 0 0 7 5 2 1 20 0 11 0 123456 789 1011'
  for (const name of ['node', 'a b', 'x) R 99 (y', ') (']) {
    t.strictSame(parseStat(`4711 (${name}) ${rest}`), { parentPid: 12, sessionId: 56, cpuUs: (7 + 5 + 2 + 1) * 10_000 }, name)
  }
})

t.test('the CPU time of this process rises while it works, and its memory is there', async t => {
  const pids = processTree(process.pid)
  t.ok(pids.includes(process.pid))
  const before = cpuUs(pids)
  while (process.cpuUsage().user / 1e6 < before / 1e6 + 0.05 && cpuUs(pids) < before + 50_000);
  t.ok(cpuUs([process.pid]) > 0)
  t.ok(cpuUs(pids) > before)
  const { rssBytes, pssBytes } = memory([process.pid])
  t.ok(rssBytes > 10e6 && pssBytes > 0 && pssBytes <= rssBytes * 1.5, `${rssBytes} ${pssBytes}`)
})

t.test('a tree has the children of children, and what has ended is not in it', async t => {
  const child = spawn('/bin/sh', ['-c', 'sleep 60 & echo $!; wait'], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = await once(child.stdout, 'data')
  const grandchild = Number(String(line))
  t.strictSame(new Set(processTree(child.pid!)), new Set([child.pid, grandchild]))
  t.strictSame(inSession([child.pid!, grandchild, process.pid], child.pid!), [child.pid, grandchild])
  process.kill(grandchild, 'SIGKILL')
  await once(child, 'close')
  t.strictSame(processTree(child.pid!), [])
  t.equal(cpuUs([child.pid!]), 0)
  t.strictSame(memory([child.pid!]), { rssBytes: 0, pssBytes: 0 })
})

t.test('lists of cores are read as the kernel writes them', async t => {
  t.strictSame(parseCoreList('0-2,5'), [0, 1, 2, 5])
  t.strictSame(parseCoreList('3'), [3])
  t.strictSame(parseCoreList(''), [])
  t.strictSame(pinned(undefined, ['a', 'b']), ['a', 'b'])
  t.strictSame(pinned(3, ['a', 'b']), ['taskset', '-c', '3', 'a', 'b'])
})

t.test('a free port can be listened on', async t => {
  const port = await freePort()
  t.ok(port > 1023 && port < 65536)
})
