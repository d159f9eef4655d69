/** ADVERTISE, SEARCHGW and GWINFO, and forwarders (MQTT-SN 1.2 §6.1, §5.5). */
import t from 'tap'
import { decodePacket, encodeForwarded, encodePacket } from '#codecs/mqtt-sn/index.ts'
import { payloads, SnBench } from './bench.ts'

t.test('SEARCHGW is answered with GWINFO, without an address: it is the sender’s', async t => {
  const bench = await SnBench.start()
  const node = bench.node()
  t.match(await node.exchange({ type: 'searchgw', radius: 1 }), [{ type: 'gwinfo', gatewayId: 7, gatewayAddress: { length: 0 } }])
})

t.test('GWINFO goes through a forwarder with the radius of the search', async t => {
  const bench = await SnBench.start()
  const node = bench.node({ nodeId: '0102' })
  await node.exchange({ type: 'searchgw', radius: 2 }, { type: 'searchgw', radius: 200 })
  t.strictSame(node.radii, [2, 3])
})

t.test('ADVERTISE goes out at the start and at every interval, where that is configured', async t => {
  const quiet = await SnBench.start()
  quiet.engine.advertise()
  await quiet.pass(1_000_000)
  t.equal(quiet.elsewhere.length, 0)
  const bench = await SnBench.start({ config: { advertise: { host: '239.255.18.84', port: 1885 }, advertise_interval: 60_000 } })
  bench.engine.advertise()
  await bench.pass(180_000)
  t.equal(bench.elsewhere.length, 4)
  for (const { bytes, address, port } of bench.elsewhere) {
    t.strictSame([decodePacket(bytes), address, port], [{ type: 'advertise', gatewayId: 7, durationSeconds: 60 }, '239.255.18.84', 1885])
  }
  bench.engine.close()
  await bench.pass(180_000)
  t.equal(bench.elsewhere.length, 4)
})

t.test('what other gateways say is not answered', async t => {
  const bench = await SnBench.start()
  const gateway = bench.node()
  t.strictSame(await gateway.exchange({ type: 'advertise', gatewayId: 9, durationSeconds: 900 }), [])
  t.strictSame(await gateway.exchange({ type: 'gwinfo', gatewayId: 9, gatewayAddress: new Uint8Array(0) }), [])
})

t.test('several nodes behind one forwarder are apart, and answers go back in its envelope', async t => {
  const bench = await SnBench.start()
  const place = { address: '192.0.2.7', port: 10_000 }
  const one = await bench.connected('one', {}, { ...place, nodeId: '01' })
  const two = await bench.connected('two', {}, { ...place, nodeId: '0200' })
  const own = await bench.connected('forwarder', {}, { ...place, nodeId: undefined })
  const nameless = await bench.connected('nameless', {}, { ...place, nodeId: '' })
  t.equal(bench.engine.clients, 4)
  t.match(
    bench.broker.clients().map(client => client.peer),
    ['192.0.2.7:10000/01', '192.0.2.7:10000/0200', '192.0.2.7:10000', '192.0.2.7:10000/'],
  )
  await one.subscribe('a/b')
  await bench.publish('a/b', 'for one', 1)
  t.strictSame(payloads(await one.drain()), ['for one'])
  for (const other of [two, own, nameless]) t.strictSame(await other.take(), [])
  t.strictSame(await two.sleep(60), [{ type: 'disconnect', durationSeconds: undefined }])
  t.strictSame(await own.exchange({ type: 'pingreq', clientId: 'two' }), [{ type: 'pingresp' }], 'a node that roams from a forwarder')
})

t.test('an envelope in an envelope is dropped, and so is one around nonsense', async t => {
  const bench = await SnBench.start()
  const node = bench.node()
  const inner = encodePacket({ type: 'pingreq', clientId: '' })
  node.sendBytes(encodeForwarded(0, Uint8Array.of(1), encodeForwarded(0, Uint8Array.of(2), inner)))
  node.sendBytes(encodeForwarded(0, Uint8Array.of(1), Uint8Array.of(9, 9)))
  t.strictSame(await node.take(), [])
  t.equal(bench.engine.counters.malformed, 2)
})
