import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LogSink } from '#system/log-sink.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const again = () => Object.assign(new Error('again'), { code: 'EAGAIN' })

function sink(write: (bytes: Buffer) => number) {
  const clock = new VirtualClock()
  return { clock, sink: new LogSink(write, clock, lines => `lost ${lines}`) }
}

t.test('lines leave at once, also in pieces', async t => {
  let out = ''
  const { sink: log } = sink(bytes => {
    out += String(bytes.subarray(0, 2))
    return Math.min(2, bytes.length)
  })
  log.line('hello')
  log.line('you')
  t.equal(out, 'hello\nyou\n')
})

t.test('lines wait for a reader that does not read, up to a maximum, and the loss is told', async t => {
  let blocked = true
  let out = ''
  const { clock, sink: log } = sink(bytes => {
    if (blocked) throw again()
    out += String(bytes)
    return bytes.length
  })
  const line = 'x'.repeat(1023)
  for (let i = 0; i < 300; i++) log.line(line)
  clock.advance(10_000)
  t.equal(out, '')
  blocked = false
  clock.advance(50)
  t.equal(out, `${`${line}\n`.repeat(256)}lost 44\n`)
  log.line('after')
  t.ok(out.endsWith('lost 44\nafter\n'))
})

t.test('at the end of the process a slow reader gets a little time, one that never reads does not hold it up', async t => {
  let out = ''
  let pauses = 0
  const { sink: log } = sink(bytes => {
    if (pauses < 3) throw again()
    out += String(bytes)
    return bytes.length
  })
  log.line('last words')
  log.finish(() => pauses++)
  t.equal(out, 'last words\n')
  t.equal(pauses, 3)
  const { sink: stuck } = sink(() => {
    throw again()
  })
  stuck.line('never')
  let stuckPauses = 0
  stuck.finish(() => stuckPauses++)
  t.ok(stuckPauses > 10 && stuckPauses < 100)
})

t.test('a failing device loses lines, not the process, and is used again when it works', async t => {
  let failing = true
  let out = ''
  const { sink: log } = sink(bytes => {
    if (failing) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
    out += String(bytes)
    return bytes.length
  })
  log.line('one')
  log.line('two')
  failing = false
  log.line('three')
  t.equal(out, 'three\nlost 2\n')
})

const CHILD = `
import { systemClock } from '#base/system-clock.ts'
import { consoleLogger } from '#system/console-logger.ts'
const logger = consoleLogger({ clock: systemClock() })
for (let i = 0; i < 3000; i++) logger.info('x'.repeat(1000), { i })
process.stdout.write('done')
`
const run = (stdio: ('pipe' | 'ignore' | number)[]) => spawn(process.execPath, ['--input-type=module-typescript', '-e', CHILD], { stdio })

t.test('a reader that never reads neither holds up the process nor its end', async t => {
  const child = run(['ignore', 'pipe', 'pipe'])
  // Never read: the pipe is full after 64 KiB.
  child.stderr?.pause()
  const [out] = await once(child.stdout!, 'data')
  t.equal(String(out), 'done')
  const [status] = await once(child, 'exit')
  t.equal(status, 0)
  child.stderr?.destroy()
})

t.test('a reader that goes away does no harm', async t => {
  const child = run(['ignore', 'pipe', 'pipe'])
  child.stderr?.destroy()
  const [status] = await once(child, 'exit')
  t.equal(status, 0)
})

t.test('in a file every line is there when the process has ended', async t => {
  const path = join(t.testdir(), 'log')
  const [status] = await once(run(['ignore', 'pipe', openSync(path, 'w')]), 'exit')
  t.equal(status, 0)
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  t.equal(lines.length, 3000)
  t.match(JSON.parse(lines.at(-1)!), { level: 'info', i: 2999 })
})
