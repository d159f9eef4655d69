import type { Test } from 'tap'
import { Entry, Message, type MessageInit, type Position, type Store, type StoredState } from '#broker/ports.ts'

/** One place where a store keeps what it keeps; opened again after a close it is the same store. */
export interface StorePlace {
  open(): Promise<{ store: Store; state: StoredState }>
}

export function message(init: Partial<MessageInit> = {}): Message {
  return Message.from({ topic: 'plant/1/temperature', payload: Buffer.from('21.5'), qos: 1, ...init })
}

export function entry(seq: number, of: Message = message(), qos: 0 | 1 | 2 = 1): Entry {
  return new Entry(seq, of, qos, false, undefined)
}

/** Resolves once `position` is durable. Takes over `onCommitted`. */
export function committed(store: Store, position: Position = store.position): Promise<void> {
  return new Promise(resolve => {
    const look = () => {
      if (store.committed >= position) resolve()
    }
    store.onCommitted = look
    look()
  })
}

export const plain = (of: Entry) => ({
  seq: of.seq,
  qos: of.qos,
  retain: of.retain,
  identifiers: of.identifiers,
  state: of.state,
  ...plainMessage(of.message),
})

export const plainMessage = (of: Message) => ({
  topic: of.topic,
  payload: Buffer.from(of.payload).toString('hex'),
  publishedQos: of.qos,
  publishedRetain: of.retain,
  properties: of.properties && {
    ...of.properties,
    correlationData: of.properties.correlationData && Buffer.from(of.properties.correlationData).toString('hex'),
  },
  publisher: of.publisher,
  expiresAtMs: of.expiresAtMs,
  timeMs: of.timeMs,
  timeQuality: of.timeQuality,
  takenAtMs: of.takenAtMs,
})

const seqs = (page: Entry[]) => page.map(({ seq }) => seq)
const EVERYTHING = [1000, 1e9] as const

/** What every implementation of the `Store` port does. */
export function storeContract(t: Test, makePlace: (t: Test) => StorePlace): void {
  const withStore = (name: string, run: (t: Test, store: Store, place: StorePlace) => Promise<void>) =>
    t.test(name, async t => {
      const place = makePlace(t)
      const { store } = await place.open()
      await run(t, store, place)
      await store.close()
    })
  const reopened = async (store: Store, place: StorePlace) => {
    await store.close()
    return await place.open()
  }

  withStore('an entry that comes to a queue late stands where its number says', async (t, store, place) => {
    for (const seq of [5, 9]) store.enqueue(1, entry(seq))
    await committed(store)
    const late = entry(3)
    store.enqueue(2, entry(7, late.message))
    await committed(store)
    store.enqueue(1, late)
    store.dropQueue(2)
    await committed(store)
    t.same(seqs(await store.readPage(1, 0, ...EVERYTHING)), [3, 5, 9])
    const { store: again, state } = await reopened(store, place)
    t.match(state.queues, [{ queue: 1, firstSeq: 3, lastSeq: 9, count: 3 }])
    await again.close()
  })

  withStore('what is appended in one turn is committed together, at the end of the turn', async (t, store) => {
    const advances: Position[] = []
    const done = new Promise<void>(resolve => {
      store.onCommitted = position => {
        advances.push(position)
        resolve()
      }
    })
    t.equal(store.enqueue(1, entry(1)), 1)
    t.equal(store.putRecord('session', 'a', Buffer.from('x')), 2)
    t.equal(store.setRetained('a', message()), 3)
    t.equal(store.committed, 0, 'not within the turn')
    t.ok(store.uncommittedBytes > 0)
    await done
    t.same(advances, [3])
    t.equal(store.committed, 3)
    t.equal(store.uncommittedBytes, 0)
  })

  withStore('an entry comes back with all that belongs to it and its message', async (t, store, place) => {
    const properties = {
      payloadFormatIndicator: 1 as const,
      contentType: 'text/plain; größe=1',
      responseTopic: 'antwort/ü',
      correlationData: Buffer.from([0, 255, 7]),
      userProperties: [
        ['a', '1'],
        ['a', '2'],
        ['', ''],
      ] as const,
    }
    const full = message({
      topic: 'straße/温度',
      payload: Buffer.from([0, 1, 254, 255]),
      qos: 2,
      retain: true,
      properties,
      publisher: 'sensor-é',
      expiresAtMs: 12_345.5,
      timeMs: 1_800_000_000_123,
      timeQuality: 'restamped',
      takenAtMs: 77.25,
    })
    const entries = [
      new Entry(1, full, 2, true, [1, 268_435_455]),
      new Entry(2, message({ payload: new Uint8Array(0) }), 0, false, undefined),
      new Entry(5, message({ properties: { payloadFormatIndicator: 0 }, timeQuality: 'unsynced' }), 1, false, [3]),
    ]
    for (const one of entries) store.enqueue(7, one)
    const expected = entries.map(plain)
    t.same((await store.readPage(7, 0, ...EVERYTHING)).map(plain), expected)
    const again = await reopened(store, place)
    t.same((await again.store.readPage(7, 0, ...EVERYTHING)).map(plain), expected)
    await again.store.close()
  })

  withStore('pages keep to their limits but hold at least one entry, and see what was appended before them', async (t, store) => {
    const big = message({ payload: new Uint8Array(1000) })
    for (let seq = 1; seq <= 10; seq++) store.enqueue(1, entry(seq * 2, big))
    const first = store.readPage(1, 0, 3, 1e9)
    const bytes = store.readPage(1, 7, 100, big.size * 2)
    const one = store.readPage(1, 20, 1, 0)
    const none = store.readPage(1, 21, 100, 1e9)
    const other = store.readPage(2, 0, 100, 1e9)
    t.same(seqs(await first), [2, 4, 6])
    t.same(seqs(await bytes), [8, 10])
    t.same(seqs(await one), [20])
    t.same(await none, [])
    t.same(await other, [])
    t.equal(store.counters.pagesRead, 5)
  })

  withStore('what is taken out is gone: single entries, ranges, whole queues, whose numbers can be used again', async (t, store, place) => {
    const first = Array.from({ length: 10 }, (_, index) => entry(index + 1))
    for (const one of first) store.enqueue(1, one)
    for (let seq = 1; seq <= 10; seq++) store.enqueue(2, entry(seq))
    for (let seq = 1; seq <= 5; seq++) store.enqueue(3, entry(seq))
    await committed(store)
    store.remove(1, first[0]!)
    store.remove(1, first[1]!)
    store.remove(1, first[4]!)
    store.removeRange(2, 3, 8)
    store.dropQueue(3)
    store.enqueue(3, entry(1, message({ payload: Buffer.from('new') })))
    t.same(seqs(await store.readPage(1, 0, ...EVERYTHING)), [3, 4, 6, 7, 8, 9, 10])
    t.same(seqs(await store.readPage(2, 0, ...EVERYTHING)), [1, 2, 9, 10])
    const { store: again, state } = await reopened(store, place)
    const size = message().size
    t.same(
      state.queues.sort((a, b) => a.queue - b.queue),
      [
        { queue: 1, firstSeq: 3, lastSeq: 10, count: 7, bytes: 7 * size },
        { queue: 2, firstSeq: 1, lastSeq: 10, count: 4, bytes: 4 * size },
        { queue: 3, firstSeq: 1, lastSeq: 1, count: 1, bytes: size - 1 },
      ],
    )
    const page = await again.readPage(1, 0, ...EVERYTHING)
    again.remove(1, page[0]!)
    t.same(seqs(await again.readPage(1, 0, ...EVERYTHING)), [4, 6, 7, 8, 9, 10], 'an entry that was read can be taken out')
    await again.close()
  })

  withStore('an entry that is acknowledged before it is written never is, except at QoS 2', async (t, store) => {
    const [one, two, three] = [entry(1), entry(2, message(), 2), entry(3, message(), 0)]
    store.enqueue(1, one)
    store.enqueue(1, two)
    store.enqueue(1, three)
    store.remove(1, one)
    store.remove(1, two)
    store.remove(1, three)
    t.equal(store.position, 6)
    await committed(store)
    t.equal(store.counters.elided, 2)
    t.equal(store.counters.entries, 3)
    t.equal(store.uncommittedBytes, 0)
    t.same(await store.readPage(1, 0, ...EVERYTHING), [])
    const late = entry(4)
    store.enqueue(1, late)
    await committed(store)
    store.remove(1, late)
    await committed(store)
    t.equal(store.counters.elided, 2, 'once written it is deleted')
    t.same(await store.readPage(1, 0, ...EVERYTHING), [])
  })

  withStore('a batch of which nothing is left counts as committed', async (t, store) => {
    const shared = message()
    const entries = [1, 2, 3].map(seq => entry(seq, shared))
    for (const one of entries) store.enqueue(one.seq, one)
    for (const one of entries) store.remove(one.seq, one)
    await committed(store)
    t.equal(store.committed, 6)
    t.equal(store.counters.emptyBatches, 1)
    t.equal(store.counters.commits, 0)
    t.equal(store.counters.elided, 3)
  })

  withStore('a message in several queues stays as long as one of them has it', async (t, store, place) => {
    const shared = message({ payload: Buffer.from('shared') })
    const entries = [1, 2, 3].map(queue => entry(queue * 10, shared))
    entries.forEach((one, index) => {
      store.enqueue(index + 1, one)
    })
    await committed(store)
    const later = entry(40, shared)
    store.enqueue(4, later)
    store.remove(1, entries[0]!)
    const { store: again } = await reopened(store, place)
    again.removeRange(2, 0, 100)
    t.same(await again.readPage(1, 0, ...EVERYTHING), [])
    t.same(await again.readPage(2, 0, ...EVERYTHING), [])
    for (const queue of [3, 4]) {
      const [one] = await again.readPage(queue, 0, ...EVERYTHING)
      t.equal(Buffer.from(one!.message.payload).toString(), 'shared')
      again.remove(queue, one!)
    }
    await again.close()
  })

  withStore('a message whose last entry is gone can be queued again', async (t, store) => {
    const shared = message({ payload: Buffer.from('again') })
    const [one, two] = [entry(1, shared), entry(1, shared)]
    store.enqueue(1, one)
    store.enqueue(2, two)
    await committed(store)
    store.remove(1, one)
    store.remove(2, two)
    await committed(store)
    store.enqueue(3, entry(1, shared))
    store.enqueue(4, entry(1, shared))
    for (const queue of [3, 4]) {
      const [found] = await store.readPage(queue, 0, ...EVERYTHING)
      t.equal(Buffer.from(found!.message.payload).toString(), 'again')
    }
  })

  withStore('PUBREC is remembered', async (t, store, place) => {
    const [one, two] = [entry(1, message(), 2), entry(2, message(), 2)]
    store.enqueue(1, one)
    store.enqueue(1, two)
    store.markReceived(1, one)
    const { store: again } = await reopened(store, place)
    const page = await again.readPage(1, 0, ...EVERYTHING)
    t.same(
      page.map(({ state }) => state),
      ['received', 'queued'],
    )
    await again.close()
  })

  withStore('records and retained messages are replaced, deleted and found again', async (t, store, place) => {
    store.putRecord('a', 'x', Buffer.from('1'))
    store.putRecord('a', 'x', Buffer.from('2'))
    store.putRecord('a', 'ü', new Uint8Array(0))
    store.putRecord('a', 'gone', Buffer.from('3'))
    store.putRecord('b', 'x', Buffer.from('4'))
    store.putRecord('c', 'x', Buffer.from('5'))
    store.deleteRecord('a', 'gone')
    store.deleteRecord('a', 'never')
    store.dropOwner('b')
    store.setRetained('t/1', message({ topic: 't/1', payload: Buffer.from('old') }))
    store.setRetained('t/1', message({ topic: 't/1', payload: Buffer.from('new'), timeMs: 7 }))
    store.setRetained('t/2', message({ topic: 't/2' }))
    store.setRetained('t/2', undefined)
    const { store: again, state } = await reopened(store, place)
    const records = [...state.records].map(([owner, of]) => [
      owner,
      [...of].map(([key, value]) => [key, Buffer.from(value).toString()]).sort(),
    ])
    t.same(records.sort(), [
      [
        'a',
        [
          ['x', '2'],
          ['ü', ''],
        ],
      ],
      ['c', [['x', '5']]],
    ])
    t.same([...state.retained].map(plainMessage), [plainMessage(message({ topic: 't/1', payload: Buffer.from('new'), timeMs: 7 }))])
    t.same(state.faults, [])
    t.ok(state.clock, 'the clocks of the last commit')
    await again.close()
  })

  withStore('a closed store takes nothing and reads nothing', async (t, store) => {
    await store.close()
    t.throws(() => store.enqueue(1, entry(1)), { code: 'server-busy' })
    t.throws(() => store.putRecord('a', 'b', Buffer.from('c')), { code: 'server-busy' })
    await t.rejects(store.readPage(1, 0, ...EVERYTHING), { code: 'server-busy' })
    await store.close()
  })

  withStore('closing commits what waits', async (t, store, place) => {
    for (let seq = 1; seq <= 500; seq++) store.enqueue(1, entry(seq))
    const { store: again, state } = await reopened(store, place)
    t.equal(state.queues[0]?.count, 500)
    await again.close()
  })
}
