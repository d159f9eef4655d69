import t from 'tap'
import { SHARED_STRATEGIES, SHARED_TERMS } from '#broker/sharing.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'
import { SimPublisher, SimSubscriber } from './devices.ts'

const ROUNDS = Number(process.env.TIDEGATE_SIM_ROUNDS ?? 10)
const FIRST_SEED = Number(process.env.TIDEGATE_SIM_SEED ?? 1)
const STEPS = 300

interface World {
  harness: MqttHarness
  publishers: SimPublisher[]
  /** Two groups on the same topics: one of QoS 1 and one of QoS 2 members. */
  members: SimSubscriber[]
}

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)]
}

const filterOf = (member: SimSubscriber) => (member.qos === 1 ? '$share/once/t/#' : '$queue/t/#')

/** Members come and go, join and leave the group, the disk stalls and fills, the power is cut; at the end all is well again. */
async function run(seed: number): Promise<World> {
  const harness = new MqttHarness({ receiveMaximum: 4 }, seed)
  harness.brokerOptions = { sharedTerms: () => ({ ...SHARED_TERMS, strategy: SHARED_STRATEGIES[seed % SHARED_STRATEGIES.length] }) }
  await harness.boot()
  const random = () => harness.clock.random()
  const publishers = ['p1', 'p2', 'p3'].map(id => new SimPublisher(harness, id))
  const members = [
    ...['m1', 'm2', 'm3'].map(id => new SimSubscriber(harness, id, 1)),
    ...['m4', 'm5', 'm6'].map(id => new SimSubscriber(harness, id, 2)),
  ]
  for (const member of members) {
    await member.connect()
    await member.subscribe(filterOf(member))
  }
  const world = { harness, publishers, members }
  for (let step = 0; step < STEPS; step++) await disturb(world, random)
  await calm(world)
  return world
}

async function disturb({ harness, publishers, members }: World, random: () => number): Promise<void> {
  const dice = random()
  if (dice < 0.02) {
    await harness.crash()
    for (const device of [...publishers, ...members]) device.peer = undefined
  } else if (dice < 0.06) harness.store.hold()
  else if (dice < 0.16) harness.store.release()
  else if (dice < 0.18) harness.store.fail(random() < 0.5 ? 'full' : 'failed')
  else if (dice < 0.22) harness.store.heal()
  else if (dice < 0.28) pick(publishers, random).peer?.vanish()
  else if (dice < 0.4) pick(members, random).peer?.vanish()
  else if (dice < 0.44) harness.clock.advance(2_000)
  else if (dice < 0.47) {
    // One of each group always stays a member: without any, what comes is nobody's.
    const member = pick(
      members.filter((_, i) => i % 3 !== 0),
      random,
    )
    member.peer?.send({ type: 'unsubscribe', packetId: 77, filters: [filterOf(member)] })
  } else if (dice < 0.53) {
    const member = pick(members, random)
    if (member.peer?.closed === false) await member.subscribe(filterOf(member))
  }
  for (const device of [...publishers, ...members]) {
    if ((device.peer === undefined || device.peer.closed) && random() < 0.3) await device.connect()
  }
  for (let i = 0; i < 4; i++) pick(publishers, random).publish(random() < 0.5 ? 1 : 2)
  for (const publisher of publishers) if (random() < 0.7) await publisher.receive()
  for (const member of members) if (random() < 0.6) await member.receive(0.95, random)
}

async function calm({ harness, publishers, members }: World): Promise<void> {
  harness.store.release()
  harness.store.heal()
  for (let quiet = 0; quiet < 3; ) {
    let moved = 0
    for (const device of [...publishers, ...members]) if (device.peer === undefined || device.peer.closed) await device.connect()
    for (const publisher of publishers) {
      await publisher.receive()
      if (!publisher.idle) moved++
    }
    for (const member of members) moved += await member.receive(1, () => 0)
    quiet = moved === 0 ? quiet + 1 : 0
  }
}

for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed++) {
  t.test(`what was acknowledged arrives in each group, and at QoS 2 at one member once: seed ${seed}`, async t => {
    const { harness, publishers, members } = await run(seed)
    const got = (qos: 1 | 2) => members.filter(member => member.qos === qos).flatMap(member => member.got)
    const acknowledged = publishers.flatMap(publisher => [...publisher.acknowledged])
    for (const qos of [1, 2] as const) {
      const arrived = new Set(got(qos))
      t.same(
        acknowledged.filter(text => !arrived.has(text)),
        [],
        `the group of QoS ${qos} has all ${acknowledged.length}`,
      )
    }
    const once = new Set(publishers.flatMap(publisher => publisher.sent.filter((_, i) => publisher.qosOf(i) === 2)))
    const second = got(2).filter(text => once.has(text))
    t.equal(second.length, new Set(second).size, 'QoS 2 all the way arrives once')
    for (const entries of harness.disk.queues.values()) t.equal(entries.size, 0, 'the queues are empty')
    t.match(harness.broker.status(), { queued: 0, queuedBytes: 0 })
    t.equal(harness.broker.status().counters.dropped['no-session'], 0)
  })
}
