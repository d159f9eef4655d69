import t from 'tap'
import { type ClockWitness, clockProbe } from '#system/clock-probe.ts'

/** A machine whose files and daemons a test decides on. */
class Machine implements ClockWitness {
  files = new Map<string, string>()
  nowMs = 0
  questions: ((synchronised: boolean | undefined) => void)[] = []
  looks = 0

  exists(path: string): boolean {
    this.looks++
    return [...this.files.keys()].some(file => file === path || file.startsWith(`${path}/`))
  }

  list(directory: string): string[] {
    const names = [...this.files.keys()]
      .filter(file => file.startsWith(`${directory}/`))
      .map(file => file.slice(directory.length + 1).split('/')[0])
    return [...new Set(names)] as string[]
  }

  read(path: string): string | undefined {
    return this.files.get(path)
  }

  askTimedate(answer: (synchronised: boolean | undefined) => void): void {
    this.questions.push(answer)
  }

  monotonic(): number {
    return this.nowMs
  }
}

const SYSTEMD = '/run/systemd/system/x'
const TIMESYNCD = '/run/systemd/timesync/synchronized'

const cases: [name: string, files: Record<string, string>, synchronised: boolean][] = [
  ['is not believed while systemd is in charge and nobody has set it', { [SYSTEMD]: '' }, false],
  ['is believed once timesyncd has left its mark', { [SYSTEMD]: '', [TIMESYNCD]: '' }, true],
  ['is believed when the kernel set it from a real-time clock', { [SYSTEMD]: '', '/sys/class/rtc/rtc0/hctosys': '1\n' }, true],
  ['is not believed for a real-time clock that set nothing', { [SYSTEMD]: '', '/sys/class/rtc/rtc0/hctosys': '0\n' }, false],
  ['is believed where systemd is not in charge', {}, true],
]

for (const [name, files, synchronised] of cases) {
  t.test(`the clock ${name}`, async t => {
    const machine = new Machine()
    for (const [file, text] of Object.entries(files)) machine.files.set(file, text)
    t.equal(clockProbe(machine)(), synchronised)
  })
}

t.test('a clock that gets set is noticed within two seconds, and seldom asked for afterwards', async t => {
  const machine = new Machine()
  machine.files.set(SYSTEMD, '')
  const probe = clockProbe(machine)
  t.equal(probe(), false)
  machine.files.set(TIMESYNCD, '')
  machine.nowMs = 1_999
  t.equal(probe(), false, 'the answer is kept for a while')
  machine.nowMs = 2_000
  t.equal(probe(), true)
  const { looks } = machine
  machine.nowMs = 60_000
  t.equal(probe(), true)
  t.equal(machine.looks, looks)
})

t.test('timedated is asked once at a time and at most every thirty seconds, and its word counts', async t => {
  const machine = new Machine()
  machine.files.set(SYSTEMD, '')
  const probe = clockProbe(machine)
  probe()
  machine.nowMs = 40_000
  probe()
  t.equal(machine.questions.length, 1, 'not while it is being asked')
  machine.questions[0]?.(false)
  machine.nowMs = 50_000
  t.equal(probe(), false)
  t.equal(machine.questions.length, 2)
  machine.questions[1]?.(true)
  machine.nowMs = 60_000
  t.equal(probe(), true)
  t.equal(machine.questions.length, 2, 'not within thirty seconds')
})

t.test('a machine without timedated leaves the clock unbelieved', async t => {
  const machine = new Machine()
  machine.files.set(SYSTEMD, '')
  const probe = clockProbe(machine)
  probe()
  machine.questions[0]?.(undefined)
  machine.nowMs = 10_000
  t.equal(probe(), false)
})

t.test('the probe works on the machine that the tests run on', async t => {
  t.type(clockProbe()(), 'boolean')
})
