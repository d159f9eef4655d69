import t from 'tap'
import type { Packet } from '#codecs/mqtt/index.ts'
import { publish } from '../adapters/mqtt/packets.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'
import { BOTH, client, only, pingreq } from './peers.ts'

type Kind = 'puback' | 'pubrec' | 'pubcomp'
const answer = (type: Kind, packetId: number): Packet => ({ type, packetId, reasonCode: 0 })

/** What is in flight, what has been answered so far, and the one answer that may come now. */
const STATES: readonly [qos: 1 | 2, before: readonly Kind[], awaited: Kind][] = [
  [1, [], 'puback'],
  [2, [], 'pubrec'],
  [2, ['pubrec'], 'pubcomp'],
]

t.test('what is in flight takes the answer of its QoS and moment alone [MQTT-4.3.2-3] [MQTT-4.3.3-4] [MQTT-4.13.1-1]', async t => {
  for (const version of BOTH) {
    for (const [qos, before, awaited] of STATES) {
      for (const kind of ['puback', 'pubrec', 'pubcomp'] as const) {
        const harness = await MqttHarness.start()
        const sub = await client(harness, 's', version)
        await sub.subscribe('a', 2)
        const pub = await client(harness, 'p', 4)
        await pub.exchange(publish('a', 'x', qos, 1))
        const { packetId } = only(await sub.take(), 'publish')
        await sub.exchange(...before.map(each => answer(each, packetId!)))
        const name = `level ${version}, QoS ${qos} after [${before}]: ${kind}`
        // A PUBREC that comes again is answered again: the PUBREL may have been lost with its connection.
        const isRight = kind === awaited || (kind === 'pubrec' && awaited === 'pubcomp')
        const packets = await sub.exchange(answer(kind, packetId!), pingreq)
        t.equal(sub.closed, !isRight, name)
        if (isRight) t.equal(packets.at(-1)?.type, 'pingresp', name)
        else t.match(packets, version === 5 ? [{ type: 'disconnect', reasonCode: 0x82 }] : [], name)
      }
    }
  }
})

t.test('answers to nothing end nobody’s connection', async t => {
  for (const version of BOTH) {
    const harness = await MqttHarness.start()
    const peer = await client(harness, 'c', version)
    t.match(await peer.exchange(answer('puback', 9), answer('pubcomp', 9), pingreq), [{ type: 'pingresp' }])
    t.match(await peer.exchange(answer('pubrec', 9)), [{ type: 'pubrel', packetId: 9, reasonCode: version === 5 ? 0x92 : 0 }])
    t.match(await peer.exchange({ type: 'pubrel', packetId: 9, reasonCode: 0 }), [
      { type: 'pubcomp', packetId: 9, reasonCode: version === 5 ? 0x92 : 0 },
    ])
  }
})
