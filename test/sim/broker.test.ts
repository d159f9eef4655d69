import t from 'tap'
import { MqttHarness } from '../support/mqtt-harness.ts'
import { SimPublisher, SimSubscriber } from './devices.ts'

const ROUNDS = Number(process.env.TIDEGATE_SIM_ROUNDS ?? 12)
const FIRST_SEED = Number(process.env.TIDEGATE_SIM_SEED ?? 1)
const STEPS = 400

interface World {
  harness: MqttHarness
  publishers: SimPublisher[]
  subscribers: SimSubscriber[]
}

/** One run: devices come and go, the disk stalls and fills, the power is cut; at the end everything is well again. */
async function run(seed: number): Promise<World> {
  // Every other run ranks the publishers: each keeps its own order all the same.
  const priorities = [
    { filter: 't/p1', rank: 5 },
    { filter: 't/p2', rank: 2 },
  ]
  const harness = await MqttHarness.start({ receiveMaximum: 4, ...(seed % 2 === 0 && { priorities }) }, seed)
  const random = () => harness.clock.random()
  const publishers = ['p1', 'p2', 'p3'].map(id => new SimPublisher(harness, id))
  const subscribers = [new SimSubscriber(harness, 's1', 1), new SimSubscriber(harness, 's2', 2)]
  for (const subscriber of subscribers) {
    await subscriber.connect()
    await subscriber.subscribe()
  }
  const world = { harness, publishers, subscribers }
  for (let step = 0; step < STEPS; step++) await disturb(world, random)
  await calm(world)
  return world
}

async function disturb({ harness, publishers, subscribers }: World, random: () => number): Promise<void> {
  const dice = random()
  if (dice < 0.02) {
    await harness.crash()
    for (const device of [...publishers, ...subscribers]) device.peer = undefined
  } else if (dice < 0.06) harness.store.hold()
  else if (dice < 0.16) harness.store.release()
  else if (dice < 0.18) harness.store.fail(random() < 0.5 ? 'full' : 'failed')
  else if (dice < 0.22) harness.store.heal()
  else if (dice < 0.3) pick(publishers, random).peer?.vanish()
  else if (dice < 0.36) pick(subscribers, random).peer?.vanish()
  else if (dice < 0.4) harness.clock.advance(2_000)
  for (const device of [...publishers, ...subscribers]) {
    if ((device.peer === undefined || device.peer.closed) && random() < 0.3) await device.connect()
  }
  for (let i = 0; i < 5; i++) pick(publishers, random).publish(random() < 0.5 ? 1 : 2)
  for (const publisher of publishers) if (random() < 0.7) await publisher.receive()
  for (const subscriber of subscribers) if (random() < 0.6) await subscriber.receive(0.97, random)
}

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)]
}

async function calm({ harness, publishers, subscribers }: World): Promise<void> {
  harness.store.release()
  harness.store.heal()
  for (let quiet = 0; quiet < 3; ) {
    let moved = 0
    for (const device of [...publishers, ...subscribers]) if (device.peer === undefined || device.peer.closed) await device.connect()
    for (const publisher of publishers) {
      await publisher.receive()
      if (!publisher.idle) moved++
    }
    for (const subscriber of subscribers) moved += await subscriber.receive(1, () => 0)
    quiet = moved === 0 ? quiet + 1 : 0
  }
}

/** Each publisher's messages by their first arrival. */
function firstArrivals(got: readonly string[], publisher: string): number[] {
  const seen = new Set(got.filter(text => text.startsWith(`${publisher}:`)))
  return [...seen].map(text => Number(text.split(':')[1]))
}

for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed++) {
  t.test(`what was acknowledged arrives, in order, and at QoS 2 once: seed ${seed}`, async t => {
    const { harness, publishers, subscribers } = await run(seed)
    for (const subscriber of subscribers) {
      const got = new Set(subscriber.got)
      for (const publisher of publishers) {
        const lost = [...publisher.acknowledged].filter(text => !got.has(text))
        t.same(lost, [], `${subscriber.id} has all that ${publisher.id} was told is safe (${publisher.acknowledged.size})`)
        const order = firstArrivals(subscriber.got, publisher.id)
        t.same(
          order,
          [...order].sort((a, b) => a - b),
          `${subscriber.id} has them in order`,
        )
      }
    }
    const once = publishers.flatMap(publisher => publisher.sent.filter((_, i) => publisher.qosOf(i) === 2))
    const second = subscribers[1].got.filter(text => once.includes(text))
    t.equal(second.length, new Set(second).size, 'QoS 2 all the way arrives once')
    for (const entries of harness.disk.queues.values()) t.equal(entries.size, 0, 'the queues are empty')
    t.equal(harness.broker.status().queued, 0)
    t.same(
      [...harness.disk.records.keys()].filter(owner => owner.startsWith('inbound')),
      [],
      'no packet id is left',
    )
  })
}
