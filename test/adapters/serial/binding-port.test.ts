import { EventEmitter } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import t from 'tap'
import { BindingPort } from '#adapters/serial/transport.ts'

const READABLE = 1
const WRITABLE = 2
const DISCONNECT = 4

/** The binding's port as it is in rare moments: its events come when the test says so. */
function bind(file: string) {
  const fd = openSync(file, 'r+')
  const asked: number[] = []
  const poller = Object.assign(new EventEmitter(), { poll: (events: number) => asked.push(events) })
  let closes = 0
  const close = async () => {
    closes++
    closeSync(fd)
  }
  const log: string[] = []
  const port = new BindingPort(
    { fd, poller, close, flush: async () => {}, set: async () => {}, drain: async () => {} },
    { data: bytes => log.push(Buffer.from(bytes).toString()), lost: reason => log.push(`lost: ${reason}`) },
  )
  return { port, poller, asked, log, closes: () => closes }
}

t.test('a read of no bytes is a hang-up, and not read again', async t => {
  // Which of the signs of a hang-up comes first is a race in the kernel; this one is the rarest.
  const { port, poller, log, closes } = bind('/dev/null')
  poller.emit('readable', null)
  poller.emit('readable', null)
  poller.emit('disconnect', null)
  await port.close()
  t.same(log, ['lost: the port hung up'])
  t.equal(closes(), 1)
})

t.test('a hang-up is noticed by each of its signs, once', async t => {
  for (const [event, error] of [
    ['disconnect', null],
    ['readable', new Error('bad file descriptor')],
    ['writable', new Error('bad file descriptor')],
  ] as const) {
    const { port, poller, log, closes } = bind('/dev/null')
    port.pause()
    poller.emit(event, error)
    await port.close()
    t.equal(log.length, 1, event)
    t.equal(closes(), 1)
  }
})

t.test('a paused port asks for hang-ups alone, and reads nothing', async t => {
  const { port, poller, asked, log } = bind('/dev/zero')
  t.same(asked, [DISCONNECT | READABLE])
  port.pause()
  poller.emit('readable', null)
  t.equal(asked.at(-1), DISCONNECT)
  t.same(log, [])
  port.resume()
  t.equal(asked.at(-1), DISCONNECT | READABLE)
  poller.emit('readable', null)
  t.equal(log.length, 4, 'a bounded number of reads a turn')
  t.equal(asked.at(-1), DISCONNECT | READABLE)
  await port.close()
})

t.test('a failing write loses the port and all that waited', async t => {
  const { port, asked, log } = bind('/dev/full')
  const outcomes = await Promise.allSettled([port.write(Buffer.from('a')), port.write(Buffer.from('b'))])
  t.same(
    outcomes.map(each => each.status),
    ['rejected', 'rejected'],
  )
  t.match(log, [/^lost: ENOSPC/])
  t.notOk(asked.some(events => (events & WRITABLE) !== 0))
})
