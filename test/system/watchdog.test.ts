import t from 'tap'
import { Watchdog } from '#system/watchdog.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** A worker that answers when told to. */
class Rig {
  readonly clock = new VirtualClock()
  readonly said: string[] = []
  readonly #waiting: (() => void)[] = []
  asked = 0
  readonly watchdog = new Watchdog({
    clock: this.clock,
    intervalMs: 1000,
    ask: () => {
      this.asked++
      return new Promise(resolve => this.#waiting.push(resolve))
    },
    alive: () => this.said.push(`alive ${this.clock.monotonic()}`),
    silent: () => this.said.push(`silent ${this.clock.monotonic()}`),
  })

  async answer(): Promise<void> {
    for (const resolve of this.#waiting.splice(0)) resolve()
    await new Promise(resolve => setImmediate(resolve))
  }
}

t.test('life is told when the worker has answered, at once and at every interval', async t => {
  const rig = new Rig()
  rig.watchdog.start()
  t.strictSame(rig.said, [], 'not before the answer')
  await rig.answer()
  rig.clock.advance(999)
  t.equal(rig.asked, 1)
  rig.clock.advance(1)
  rig.clock.advance(200)
  await rig.answer()
  t.strictSame(rig.said, ['alive 0', 'alive 1200'])
})

t.test('a worker that does not answer is asked no more, complained of once, and no life is told', async t => {
  const rig = new Rig()
  rig.watchdog.start()
  rig.clock.advance(5000)
  t.equal(rig.asked, 1)
  t.strictSame(rig.said, ['silent 1000'])
  await rig.answer()
  t.strictSame(rig.said, ['silent 1000', 'alive 5000'], 'late, but it is alive now')
  rig.clock.advance(3000)
  t.strictSame(rig.said, ['silent 1000', 'alive 5000', 'silent 7000'])
})

t.test('nothing is told after the stop', async t => {
  const rig = new Rig()
  rig.watchdog.start()
  rig.watchdog.stop()
  await rig.answer()
  rig.clock.advance(10_000)
  t.equal(rig.asked, 1)
  t.strictSame(rig.said, [])
})
