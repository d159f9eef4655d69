/** What clients that others wrote have said to the gateway, and what it answered, again: byte for byte. */
import t from 'tap'
import { decodePacket, encodePacket } from '#codecs/mqtt-sn/index.ts'
import { SnBench, type TestNode } from '../adapters/mqtt-sn/bench.ts'
import { EXCHANGES, PAHO_FRAMES, type Step } from '../vectors/mqtt-sn/peers.ts'

/** Behind this forwarder: mqtt-sn-tools' envelope has the node id in its fourth octet and on. */
function nodeIdOf(hex: string): string | undefined {
  return hex.slice(2, 4) === 'fe' ? hex.slice(6, Number.parseInt(hex.slice(0, 2), 16) * 2) : undefined
}

for (const { name, steps } of EXCHANGES) {
  t.test(name, async t => {
    const bench = await SnBench.start()
    const nodes = new Map<number, TestNode>()
    for (const step of steps) {
      if (step[0] === 'mqtt') await bench.publish(step[1], step[2], step[3])
      else if (step[0] === 'client') {
        const node = nodes.get(step[1]) ?? bench.node({ nodeId: nodeIdOf(step[2]) })
        nodes.set(step[1], node)
        node.sendDatagram(Buffer.from(step[2], 'hex'))
        await bench.settle()
      }
    }
    t.equal(bench.engine.counters.malformed, 0)
    for (const [client, node] of nodes) t.strictSame(node.datagrams, sentTo(steps, client), `to client ${client}`)
  })
}

function sentTo(steps: readonly Step[], client: number): string[] {
  return steps.flatMap(step => (step[0] === 'gateway' && step[1] === client ? [step[2]] : []))
}

t.test('the frames of Paho’s packet tests are read, and written as they were', async t => {
  for (const [type, hex] of PAHO_FRAMES) {
    const packet = decodePacket(Buffer.from(hex, 'hex'))
    t.equal(packet.type, type)
    t.equal(Buffer.from(encodePacket(packet)).toString('hex'), hex, type)
  }
})
