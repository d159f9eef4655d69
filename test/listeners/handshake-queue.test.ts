import t from 'tap'
import { HandshakeQueue } from '#listeners/handshake-queue.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** Handshakes that tell when they begin, and when they must go. */
function handshakes(queue: HandshakeQueue, log: string[]) {
  return (name: string) => {
    const handshake = {
      start() {
        log.push(name)
      },
      crowdOut() {
        log.push(`${name} out`)
        queue.leave(handshake)
      },
    }
    queue.enter(handshake)
    return handshake
  }
}

t.test('handshakes begin in order, as many as have room', async t => {
  const clock = new VirtualClock()
  const queue = new HandshakeQueue(2, clock)
  const log: string[] = []
  const come = handshakes(queue, log)
  const [a, , c] = ['a', 'b', 'c', 'd'].map(come)
  clock.settle()
  t.same(log, ['a', 'b'])
  queue.leave(a)
  queue.leave(c)
  clock.settle()
  t.same(log, ['a', 'b', 'd'])
  t.equal(queue.waiting, 0)
})

t.test('one turn of the event loop gives them a few milliseconds', async t => {
  const turns: number[] = []
  const clock = new VirtualClock()
  const real = clock.defer.bind(clock)
  const log: string[] = []
  clock.defer = run =>
    real(() => {
      const before = log.length
      run()
      turns.push(log.length - before)
    })
  const queue = new HandshakeQueue(1000, clock)
  let spentMs = 0
  const monotonic = clock.monotonic.bind(clock)
  clock.monotonic = () => monotonic() + spentMs
  for (let i = 0; i < 20; i++) {
    queue.enter({
      start() {
        log.push(String(i))
        spentMs += 1
      },
      crowdOut() {},
    })
  }
  clock.settle()
  t.equal(log.length, 20)
  t.ok(
    turns.every(count => count <= 6),
    JSON.stringify(turns),
  )
})

t.test('when all places are taken, who has had its time makes room', async t => {
  const clock = new VirtualClock()
  const queue = new HandshakeQueue(1, clock)
  const log: string[] = []
  const come = handshakes(queue, log)
  come('slow')
  clock.settle()
  clock.advance(500)
  come('next')
  clock.settle()
  t.same(log, ['slow'], 'not at once')
  clock.advance(2000)
  come('third')
  clock.settle()
  t.same(log, ['slow', 'slow out', 'next'])
})
