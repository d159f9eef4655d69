/**
 * The gateway's promise, from devices to an upstream: what was acknowledged arrives, in order, QoS 2 once, whatever
 * happens to the power and to the link. E2E_KILLS and E2E_RATE (per device and second) make it longer and harder;
 * E2E_SEED repeats a run's moments.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { eventually, within } from '../support/eventually.ts'
import { peer } from '../support/peers.ts'
import { hasProgram } from '../support/program.ts'
import { Random, seedOf } from '../support/random.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { atLeastOnce, exactlyOnce, type Verdict } from './arrivals.ts'
import { PowerCutRig } from './power-cut-rig.ts'
import type { SerialWitness } from './serial-witness.ts'

const KILLS = Number(process.env['E2E_KILLS'] ?? 24)
const RATE = Number(process.env['E2E_RATE'] ?? 100)
/** Out of so many kills one comes before the gateway is ready. */
const EARLY_ONE_IN = 6
const PATIENCE_MS = 60_000

t.test(
  'nothing acknowledged is lost over power cuts and an upstream that comes and goes',
  { timeout: 100_000 + KILLS * 8_000 },
  async t => {
    const [mosquitto, socat] = [peer(t, 'mosquitto'), peer(t, 'socat')]
    if (!hasProgram(t) || mosquitto === undefined || socat === undefined) return
    const random = new Random(seedOf('E2E_SEED'))
    t.comment(`seed ${random.seed}, ${KILLS} kills`)
    const rig = await PowerCutRig.set(temporaryFolder(t), { mosquitto, socat })
    t.teardown(() => rig.clear())

    await rig.startGateway().ready
    await eventually(
      'the devices are connected',
      () => rig.qos1.online && rig.qos2.online,
      PATIENCE_MS,
      () => rig.state(),
    )
    rig.flow(RATE)
    await cutPower(rig, random)

    await within(PATIENCE_MS, 'the upstream starts', rig.upstream.start())
    await within(PATIENCE_MS, 'the gateway starts', rig.gateway.ready)
    await bringToAnEnd(rig)
    const bridge = await rig.bridge()
    t.match(bridge, { queued: 0, queued_bytes: 0, in_flight: 0, dead_letters: 0 }, 'the spool is empty')
    t.same(
      Object.values(bridge?.dropped ?? {}).filter(count => count > 0),
      [],
      'nothing was dropped',
    )
    judge(t, rig)
    const end = await within(10_000, 'the gateway stops', rig.gateway.end('SIGTERM'))
    t.same(end, { code: 0, signal: null }, 'SIGTERM ends it with 0')
  },
)

/** Kills and starts the gateway; meanwhile the upstream is away twice, from and until some moment in full flow. */
async function cutPower(rig: PowerCutRig, random: Random): Promise<void> {
  const turns = outages(random)
  for (let kill = 0; kill < KILLS; kill++) {
    const { gateway } = rig
    const early = random.whole(0, EARLY_ONE_IN) === 0
    if (early) await sleep(random.whole(0, 400))
    else {
      await within(PATIENCE_MS, 'the gateway is ready', gateway.ready)
      const before = rig.acknowledged
      await eventually(
        'messages flow',
        () => rig.acknowledged > before,
        PATIENCE_MS,
        () => rig.state(),
      )
      const turn = turns.get(kill)
      if (turn !== undefined) {
        await sleep(random.whole(0, 300))
        await within(PATIENCE_MS, `the upstream's ${turn}`, turn === 'start' ? rig.upstream.start() : rig.upstream.stop())
      }
      await sleep(random.whole(0, 1500))
    }
    await gateway.end('SIGKILL')
    rig.startGateway()
  }
}

/** By kill: what happens to the upstream before it. */
function outages(random: Random): Map<number, 'start' | 'stop'> {
  const third = Math.max(2, Math.floor(KILLS / 3))
  const turns = new Map<number, 'start' | 'stop'>()
  for (const from of [0, third]) {
    const stop = from + random.whole(0, Math.max(1, Math.floor(third / 2)))
    turns.set(stop, 'stop').set(random.whole(stop + 1, from + third), 'start')
  }
  return turns
}

/** The devices finish what they began; a last message behind all others says that the upstream has everything. */
async function bringToAnEnd(rig: PowerCutRig): Promise<void> {
  const state = () => rig.state()
  await eventually('serial lines are taken', () => rig.witness.seen >= 0 && rig.witness.runs.at(-1)?.open !== undefined, PATIENCE_MS, state)
  rig.halt()
  await eventually('the devices have their acknowledgements', () => rig.inFlight === 0, PATIENCE_MS, state)
  await eventually('the last serial line is taken', () => rig.witness.seen === rig.serial.next - 1, PATIENCE_MS, state)
  await eventually('the spool is empty', async () => (await rig.bridge())?.queued === 0, PATIENCE_MS, state)
  rig.qos1.publish('the end')
  await within(PATIENCE_MS, 'the last message', rig.counter.arrived(`site/${rig.qos1.topic}`, 'the end')).catch(error => {
    throw new Error(`${error.message} ${state()}`)
  })
}

function judge(t: Test, rig: PowerCutRig): void {
  const { counter, qos1, qos2, coap, serial, witness } = rig
  const numbers = (topic: string) =>
    counter
      .of(topic)
      .filter(each => each !== 'the end')
      .map(Number)
  const whole = (name: string, verdict: Verdict, sent: number) => {
    t.same(verdict.faults, [], `${name}: order`)
    t.equal(verdict.distinct, sent, `${name}: all ${sent} that were acknowledged, none that was not sent`)
    t.ok(sent > 0, `${name}: there were some`)
  }
  const one = atLeastOnce(numbers('site/plant/one'))
  const two = exactlyOnce(numbers('site/plant/two'))
  const three = atLeastOnce(numbers('site/plant/coap'))
  const lines = atLeastOnce(numbers('site/serial/meter/n'), true)
  // 'the end' has a number as well.
  whole('MQTT QoS 1', one, qos1.next - 1)
  whole('MQTT QoS 2, exactly once', two, qos2.next)
  whole('CoAP CON', three, coap.next)
  t.same(lines.faults, [], 'serial: order')
  t.ok(lines.cutShort <= KILLS, `serial: a repetition is cut short by a kill alone: ${lines.cutShort} of ${KILLS}`)
  const { missing, due } = missingLines(witness, new Set(numbers('site/serial/meter/n')), serial.next)
  t.same(missing, [], 'serial: no line is missing that a running gateway took before its last open batch')
  t.ok(due > 0, 'serial: there were some')
  t.same(
    [...counter.faults, ...witness.faults, ...qos1.faults, ...qos2.faults, ...coap.faults],
    [],
    'every peer was answered as it should be',
  )
  const starts = [...rig.startsMs].sort((a, b) => a - b)
  t.comment(
    `QoS 1: ${one.distinct} (${one.repeats} repeated); QoS 2: ${two.distinct}; CoAP: ${three.distinct} (${three.repeats} repeated); ` +
      `serial: ${lines.distinct} of ${serial.next} (${lines.repeats} repeated, ${due} that must be there); ` +
      `starts: median ${starts[starts.length >> 1]} ms, longest ${starts.at(-1)} ms`,
  )
}

/** Of the lines that a run must not lose those that did not arrive; the last run must not lose any. */
function missingLines(witness: SerialWitness, arrived: Set<number>, sent: number): { missing: number[]; due: number } {
  const missing: number[] = []
  let due = 0
  witness.runs.forEach(({ open, durable }, i) => {
    const last = i === witness.runs.length - 1 ? sent - 1 : durable
    for (let line = open ?? sent; line <= last; line++) {
      due++
      if (!arrived.has(line)) missing.push(line)
    }
  })
  return { missing, due }
}
