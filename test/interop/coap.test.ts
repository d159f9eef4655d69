import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { CoapEngine } from '#adapters/coap/index.ts'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { Message } from '#broker/ports.ts'
import type { DatagramListener } from '#listeners/types.ts'
import { openUdpListener } from '#listeners/udp.ts'
import { CLIENT_LIMITS } from '../adapters/coap/support/bench.ts'
import { FakeBroker } from '../adapters/coap/support/fake-broker.ts'
import { peer } from '../support/peers.ts'

const program = peer(t, 'coap-client')
const COAP_CLIENT = program ?? ''
const skip = program === undefined

interface Teardown {
  teardown(run: () => unknown): unknown
}

/** An engine behind a real UDP socket. */
async function serve(t: Teardown) {
  const clock = systemClock()
  const broker = new FakeBroker(clock)
  let engine: CoapEngine | undefined
  const listener: DatagramListener = await openUdpListener({
    bind: { host: '127.0.0.1', port: 0 },
    onDatagram: (bytes, remote) => engine?.receive(bytes, remote),
    logger: silentLogger,
    clock,
  })
  engine = new CoapEngine({
    broker,
    access: broker.access,
    clock,
    logger: silentLogger,
    port: listener,
    listener: 'coap',
    limits: CLIENT_LIMITS,
    payloadBytesMax: 1 << 20,
    clientsMax: 1000,
  })
  t.teardown(async () => {
    engine.close()
    await listener.close()
  })
  return { broker, engine, url: `coap://127.0.0.1:${listener.port}` }
}
/** Runs coap-client to its end; what it printed and its complaints. */
function run(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    execFile(COAP_CLIENT, ['-B', '10', ...args], { timeout: 15_000, maxBuffer: 1 << 22 }, (error, stdout, stderr) => {
      if (error?.killed === true) reject(error)
      else resolve({ stdout, stderr })
    })
  })
}

const retain = (broker: FakeBroker, topic: string, payload: string) =>
  broker.publish(Message.from({ topic, payload: Buffer.from(payload), qos: 0, retain: true }))
const publish = (broker: FakeBroker, topic: string, payload: string, qos: 0 | 1 = 1) =>
  broker.publish(Message.from({ topic, payload: Buffer.from(payload), qos }))

/** Starts an observing coap-client; `until(text)` resolves once its output holds the text. */
function observe(t: Teardown, ...args: string[]) {
  const child = spawn(COAP_CLIENT, ['-s', '10', '-B', '10', '-w', ...args])
  let output = ''
  const waiting = new Set<() => void>()
  child.stdout.on('data', chunk => {
    output += chunk
    for (const look of waiting) look()
  })
  t.teardown(() => child.kill('SIGKILL'))
  const until = (part: string) =>
    new Promise<void>(resolve => {
      const look = () => {
        if (!output.includes(part)) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  return { child, until, output: () => output }
}

/** Waits until `holds` does, looking after every turn of the event loop. */
async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setImmediate(resolve))
}

t.test(
  'libcoap: PUT and POST publish, Confirmable as QoS 1 and Non-confirmable as QoS 0 (TD_COAP_CORE_02, 03, 06, 07)',
  { skip },
  async t => {
    const { broker, url } = await serve(t)
    for (const [method, topic, ...more] of [
      ['put', 'a/con'],
      ['post', 'b/con'],
      ['put', 'a/non', '-N'],
      ['post', 'b/non', '-N'],
    ]) {
      const { stderr } = await run('-m', method, '-e', '21.5', ...more, `${url}/ps/${topic}`)
      t.equal(stderr, '', topic)
    }
    t.same(
      broker.published.map(message => [message.topic, message.qos, Buffer.from(message.payload).toString()]),
      [
        ['a/con', 1, '21.5'],
        ['b/con', 1, '21.5'],
        ['a/non', 0, '21.5'],
        ['b/non', 0, '21.5'],
      ],
    )
  },
)

t.test('libcoap: the answer to a PUT comes only after the commit, an empty ACK before (TD_COAP_CORE_09)', { skip }, async t => {
  const { broker, engine, url } = await serve(t)
  broker.autoCommit = false
  let done = false
  const running = run('-m', 'put', '-v', '7', '-e', 'x', `${url}/ps/slow`).then(result => {
    done = true
    return result
  })
  await eventually(() => engine.endpoint.counters.emptyAcks === 1)
  t.equal(broker.published.length, 1)
  t.notOk(done)
  broker.commit()
  const { stdout, stderr } = await running
  t.match(stdout + stderr, /ACK[^\n]*0\.00/)
  t.match(stdout + stderr, /CON[^\n]*2\.04/)
})

t.test('libcoap: GET reads the retained value, 4.04 without one (TD_COAP_CORE_01, 05)', { skip }, async t => {
  const { broker, url } = await serve(t)
  retain(broker, 'site/temp', '22.3 C')
  t.equal((await run(`${url}/ps/site/temp`)).stdout.trim(), '22.3 C')
  t.equal((await run('-N', `${url}/ps/site/temp`)).stdout.trim(), '22.3 C')
  t.match((await run(`${url}/ps/site/none`)).stderr, /4\.04/)
})

t.test('libcoap: DELETE clears the retained value (TD_COAP_CORE_04, 08)', { skip }, async t => {
  const { broker, url } = await serve(t)
  retain(broker, 'site/temp', '22.3 C')
  t.equal((await run('-m', 'delete', `${url}/ps/site/temp`)).stderr, '')
  t.equal(broker.retainedMessages.size, 0)
})

t.test('libcoap: queries reach the message and the client list (TD_COAP_CORE_13)', { skip }, async t => {
  const { broker, url } = await serve(t)
  broker.passwords.set('ann', 'secret')
  await run('-m', 'put', '-e', 'x', `${url}/ps/t?qos=0&retain=true&clientid=meter-1&username=ann&password=secret&expiry=60`)
  t.match(broker.published, [{ topic: 't', qos: 0, retain: true }])
  t.ok(broker.published[0].expiresAtMs > 0)
  t.ok(broker.attached.has('meter-1'))
  t.match((await run('-m', 'put', '-e', 'x', `${url}/ps/t?username=ann&password=wrong`)).stderr, /4\.01/)
})

t.test('libcoap: an observer gets retained value and messages, and cancels (TD_COAP_OBS_01, 02, 07)', { skip }, async t => {
  const { broker, engine, url } = await serve(t)
  retain(broker, 'site/temp', 'first')
  const observer = observe(t, `${url}/ps/site/temp`)
  await observer.until('first')
  for (const payload of ['second', 'third', 'fourth']) {
    publish(broker, 'site/temp', payload)
    await observer.until(payload)
  }
  t.same(observer.output().trim().split('\n'), ['first', 'second', 'third', 'fourth'])
  const [client] = [...broker.attached.values()]
  await eventually(() => client.acknowledged.length === 3)
  t.same(client.acknowledged, ['second', 'third', 'fourth'])
  t.equal(engine.endpoint.load.observers, 1)
})

t.test('libcoap: an observer that ends deregisters (TD_COAP_OBS_07)', { skip }, async t => {
  const { broker, engine, url } = await serve(t)
  retain(broker, 'site/temp', 'first')
  const child = spawn(COAP_CLIENT, ['-s', '1', '-B', '10', `${url}/ps/site/temp`])
  await once(child, 'exit')
  t.equal(engine.endpoint.load.observers, 0)
  t.equal([...broker.attached.values()][0].subscribed.size, 0)
})

t.test('libcoap: a wildcard observer gets QoS 0 messages of all its topics (Non-confirmable)', { skip }, async t => {
  const { broker, url } = await serve(t)
  retain(broker, 'site/a', 'kept')
  const observer = observe(t, '-N', `${url}/ps/site/%2B`)
  await observer.until('kept')
  publish(broker, 'site/b', 'one', 0)
  publish(broker, 'site/c', 'two', 0)
  publish(broker, 'other/c', 'no', 0)
  await observer.until('two')
  t.notMatch(observer.output(), /no/)
})

t.test('libcoap: a body of 4 kB comes in by Block1 (TD_COAP_BLOCK_03)', { skip }, async t => {
  const { broker, url } = await serve(t)
  const file = `${t.testdir({ body: 'x0123456789abcde'.repeat(256) })}/body`
  for (const size of ['16', '64', '512', '1024']) {
    const { stderr } = await run('-m', 'put', '-b', size, '-f', file, `${url}/ps/big/${size}`)
    t.equal(stderr, '', size)
  }
  t.same(
    broker.published.map(message => [message.topic, message.payload.length]),
    [
      ['big/16', 4096],
      ['big/64', 4096],
      ['big/512', 4096],
      ['big/1024', 4096],
    ],
  )
  t.equal(Buffer.from(broker.published[0].payload).toString(), 'x0123456789abcde'.repeat(256))
})

t.test('libcoap: a long retained value goes out by Block2 (TD_COAP_BLOCK_01, 02)', { skip }, async t => {
  const { broker, url } = await serve(t)
  const body = Array.from({ length: 1000 }, (_, line) => `line ${line}`).join('\n')
  retain(broker, 'big', body)
  for (const more of [[], ['-b', '16'], ['-b', '256'], ['-N']])
    t.equal((await run(...more, `${url}/ps/big`)).stdout.trimEnd(), body, more.join(' '))
})

t.test('libcoap: an observer gets long messages by Block2 (TD_COAP_OBS_10)', { skip }, async t => {
  const { broker, url } = await serve(t)
  retain(broker, 'big', 'small')
  const observer = observe(t, `${url}/ps/big`)
  await observer.until('small')
  publish(broker, 'big', `${'a'.repeat(3000)}END1`)
  publish(broker, 'big', `${'b'.repeat(3000)}END2`)
  publish(broker, 'big', 'END3')
  await observer.until('END3')
  t.match(observer.output(), /a{3000}END1\n?b{3000}END2\n?END3/)
})

t.test('libcoap: discovery lists the resource (TD_COAP_LINK_01, 02)', { skip }, async t => {
  const { url } = await serve(t)
  t.match((await run(`${url}/.well-known/core`)).stdout, '</ps>;rt="core.ps"')
  t.match((await run(`${url}/.well-known/core?rt=core.ps`)).stdout, '</ps>')
  t.equal((await run(`${url}/.well-known/core?rt=nothing`)).stdout.trim(), '')
})

t.test('libcoap: with lost datagrams nothing is lost and nothing is published twice (TD_COAP_CORE_23)', { skip }, async t => {
  const { broker, url } = await serve(t)
  const { stderr } = await run('-m', 'put', '-l', '1', '-e', 'x', `${url}/ps/lossy`)
  t.equal(stderr, '')
  t.equal(broker.published.length, 1)
})
