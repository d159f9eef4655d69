import t from 'tap'
import { AdmissionRate } from '#listeners/admission.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

t.test('as many connections as a second allows come at once, then one for each share of a second', async t => {
  const clock = new VirtualClock()
  const rate = new AdmissionRate(4, clock)
  t.strictSame(
    [1, 2, 3, 4, 5].map(() => rate.admit()),
    [true, true, true, true, false],
  )
  clock.advance(249)
  t.notOk(rate.admit())
  clock.advance(2)
  t.ok(rate.admit())
  t.notOk(rate.admit())
})

t.test('quiet hours do not add up to a flood', async t => {
  const clock = new VirtualClock()
  const rate = new AdmissionRate(2, clock)
  clock.advance(3_600_000)
  t.strictSame(
    [1, 2, 3].map(() => rate.admit()),
    [true, true, false],
  )
})

t.test('zero is no limit', async t => {
  const rate = new AdmissionRate(0, new VirtualClock())
  for (let i = 0; i < 10_000; i++) if (!rate.admit()) t.fail('refused')
})
