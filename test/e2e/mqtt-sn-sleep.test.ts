/** Sleeping nodes and the built program: what waits for them survives its death. */
import t from 'tap'
import { freePort } from '../support/free-port.ts'
import { hasProgram } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { publishAll } from './flood.ts'
import { GatewayFixture } from './gateway-fixture.ts'
import { openNode } from './mqtt-sn-node.ts'

const MESSAGES = 500

for (const host of ['127.0.0.1', '::1']) {
  t.test(`${MESSAGES} messages for a sleeping node survive kill -9 and come in order before PINGRESP (${host})`, async t => {
    if (!hasProgram(t)) return
    const port = await freePort()
    const bind = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    const fixture = await GatewayFixture.make(t, temporaryFolder(t), `[listeners.sn]\nprotocol = "mqtt-sn"\nbind = "${bind}"`)
    const gateway = await fixture.start()
    const { client, messages, came } = openNode(t, host, port, 'sleeper')
    await client.connect()
    await client.subscribe({ kind: 'name', name: 'data/+' }, 1)
    await client.sleep(3600)
    // Killed within the turn in which the last PUBACK is read.
    const progress = (acknowledged: number) => acknowledged === MESSAGES && gateway.signal('SIGKILL')
    await publishAll({
      port: fixture.mqttPort,
      clientId: 'source',
      topic: 'data/a',
      count: MESSAGES,
      payloadBytes: 100,
      first: 0,
      progress,
    })
    await gateway.ended
    await fixture.start()
    t.match(await fixture.list('clients'), [{ client_id: 'sleeper', connected: true, state: 'asleep', queued: MESSAGES }])
    t.equal(messages.length, 0, 'nothing came while it slept')
    came.length = 0
    await client.wake()
    t.strictSame(
      messages.map(payload => Buffer.from(payload).readUInt32BE()),
      Array.from({ length: MESSAGES }, (_, index) => index),
    )
    t.equal(came.filter(type => type === 'publish').length, MESSAGES, 'each once')
    t.equal(came.at(-1), 'pingresp', 'before PINGRESP')
    t.match(await fixture.list('clients'), [{ client_id: 'sleeper', state: 'asleep', queued: 0 }])
  })
}

t.test('an active node does not notice that the gateway was killed and started again', async t => {
  if (!hasProgram(t)) return
  const port = await freePort()
  const fixture = await GatewayFixture.make(t, temporaryFolder(t), `[listeners.sn]\nprotocol = "mqtt-sn"\nbind = "127.0.0.1:${port}"`)
  const gateway = await fixture.start()
  const { client, messages } = openNode(t, '127.0.0.1', port, 'active')
  await client.connect()
  const id = await client.register('up/a')
  await client.subscribe({ kind: 'name', name: 'up/#' }, 2)
  await gateway.end('SIGKILL')
  await fixture.start()
  await client.publish({ kind: 'normal', id }, Buffer.from('one'), 2)
  await client.publish({ kind: 'normal', id }, Buffer.from('two'), 1)
  await client.disconnect()
  t.match(Buffer.from(messages[0] ?? []).toString(), 'one')
})
