import t from 'tap'
import { CODE, METHOD, OPTION, uintOption } from '#codecs/coap/index.ts'
import { engineBench, show } from './support/bench.ts'

const OBSERVE = uintOption(OPTION.Observe, 0)
const put = (...query: string[]) => ({ code: METHOD.PUT, path: ['ps', 'a'], payload: 'x', query })

t.test('a device is a client named after its address, or as it says, with all that access wants to know', async t => {
  const { broker, peer } = engineBench({ anonymous: 'always' })
  peer(1).one(put())
  broker.passwords.set('ann', 'p&w')
  peer(2, false).one(put('clientid=meter%201', 'username=ann', 'password=p%26w'))
  t.same([...broker.attached.keys()], ['$coap:127.0.0.1:1', 'meter 1'])
  t.match(broker.admitted, [
    {
      protocol: 'coap',
      clientId: 'coap:127.0.0.1:1',
      username: undefined,
      address: '127.0.0.1',
      loopback: true,
      listener: 'coap',
      anonymous: 'always',
    },
    { clientId: 'meter 1', username: 'ann', address: '192.0.2.7', loopback: false },
  ])
  t.match(broker.attached.get('meter 1')?.request, {
    protocol: 'coap',
    listener: 'coap',
    peer: '192.0.2.7:2',
    cleanStart: true,
    sessionExpiryMs: 0,
  })
})

t.test('it is let in once, whatever number of requests it sends and from whatever port, as long as its word stays', async t => {
  const { broker, peer, engine } = engineBench()
  broker.passwords.set('ann', 'pw')
  for (const port of [1, 1, 2, 3]) t.equal(show(peer(port).one(put('clientid=m', 'username=ann', 'password=pw'))), 'ACK 2.04')
  t.equal(broker.admitted.length, 1)
  t.equal(peer(4).one(put('clientid=m', 'username=ann', 'password=guess')).code, CODE.Unauthorized)
  t.ok(broker.attached.has('m'), 'a wrong password does not throw anybody out')
  t.equal(engine.clients, 1)
})

t.test('the same name from another address takes over; observers of the old one are told', async t => {
  const { broker, peer, engine } = engineBench()
  const old = peer(1)
  old.one({ path: ['ps', 'a'], query: ['clientid=m'], options: [OBSERVE] })
  old.drain()
  peer(2, false).one(put('clientid=m'))
  t.same(old.drain().map(show), ['NON 5.03'])
  t.equal(engine.clients, 1)
  t.equal(broker.attached.get('m')?.request.peer, '192.0.2.7:2')
})

t.test('a silent device is detached after its idle time; an observing one stays', async t => {
  const { broker, peer, clock, engine } = engineBench()
  peer(1).one(put())
  peer(2).one({ path: ['ps', 'a'], options: [OBSERVE] })
  clock.advance(200_000)
  peer(1).one(put())
  clock.advance(200_000)
  t.equal(engine.clients, 2)
  clock.advance(120_000)
  t.same([...broker.attached.keys()], ['$coap:127.0.0.1:2'])
  peer(1).one(put())
  t.equal(engine.clients, 2, 'and comes back with its next request')
})

t.test('clients are bounded: the longest idle goes; when all observe, newcomers get 5.03', async t => {
  const { broker, peer, engine } = engineBench({ clientsMax: 2 })
  for (const port of [1, 2]) peer(port).one(put())
  peer(1).one(put())
  peer(3).one(put())
  t.same([...broker.attached.keys()], ['$coap:127.0.0.1:1', '$coap:127.0.0.1:3'])
  for (const port of [1, 3]) peer(port).one({ path: ['ps', 'a'], options: [OBSERVE] })
  t.equal(peer(4).one(put()).code, CODE.ServiceUnavailable)
  t.equal(engine.clients, 2)
})

t.test('while access decides, requests wait in order and are bounded', async t => {
  const { broker, peer } = engineBench()
  broker.slowAdmission = true
  const device = peer()
  for (let i = 0; i < 70; i++) device.sendBytes(device.encode({ code: METHOD.PUT, path: ['ps', String(i)], payload: 'x' }))
  t.equal(device.drain().length, 6, '64 wait, the others get 5.03')
  await broker.decide()
  t.same(
    broker.published.map(message => message.topic),
    Array.from({ length: 64 }, (_, i) => String(i)),
  )
  t.equal(broker.admitted.length, 1)
})

t.test('access says no after a while', async t => {
  const { broker, peer } = engineBench()
  broker.slowAdmission = true
  const device = peer()
  t.same(device.ask(put('username=x', 'password=y')), [])
  await broker.decide()
  t.same(device.drain().map(show), ['ACK 4.01'])
  t.equal(broker.attached.size, 0)
})

t.test('kicked: observers are told, and the client is gone', async t => {
  const { broker, peer, engine } = engineBench()
  const device = peer()
  device.one({ path: ['ps', 'a'], options: [OBSERVE] })
  device.drain()
  broker.attached.get('$coap:127.0.0.1:40000')?.request.sink.close('kicked')
  t.same(device.drain().map(show), ['NON 4.03'])
  t.equal(engine.clients, 0)
  t.equal(engine.endpoint.load.observers, 0)
})

t.test('close detaches everybody', async t => {
  const { broker, peer, engine } = engineBench()
  peer(1).one(put())
  peer(2).one({ path: ['ps', 'a'], options: [OBSERVE] })
  engine.close()
  t.equal(broker.attached.size, 0)
  t.equal(engine.clients, 0)
  t.same(peer(1).ask(put()), [])
})
