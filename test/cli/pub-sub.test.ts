import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '#base/system-clock.ts'
import { linesOf } from '#cli/lines.ts'
import { type MqttServer, mqttServer } from './mqtt-server.ts'
import { Stage } from './stage.ts'

async function serverFor(t: Test): Promise<MqttServer> {
  const server = await mqttServer()
  t.teardown(() => server.close())
  return server
}

function stageOn(t: Test): Stage {
  const stage = new Stage()
  stage.realClock = systemClock()
  stage.folder = mkdtempSync(join(tmpdir(), 'tidegate-pub-'))
  t.teardown(() => rmSync(stage.folder, { recursive: true, force: true }))
  return stage
}

for (const qos of [0, 1, 2] as const) {
  t.test(`pub sends a message with QoS ${qos} and ends in order`, async t => {
    const server = await serverFor(t)
    const stage = stageOn(t)
    t.equal(await stage.run('pub', '-p', String(server.port), '-t', 'a/b', '-m', '-5 °C', '-q', String(qos), '-r'), 0, stage.err.text)
    while (!server.seen.includes('disconnect')) await new Promise(resolve => setImmediate(resolve))
    t.match(server.published, [{ topic: 'a/b', qos, retain: true, payload: Buffer.from('-5 °C') }])
    t.equal(server.published.length, 1)
    t.equal(server.connects[0]?.protocolVersion, 5)
  })
}

t.test('pub takes its payload from a file, from standard input, or sends none', async t => {
  const server = await serverFor(t)
  const at = ['-p', String(server.port), '-q', '1', '-V', '3.1.1']
  const stage = stageOn(t)
  writeFileSync(join(stage.folder, 'payload'), Buffer.from([0, 255, 10]))
  t.equal(await stage.run('pub', '-t', 'file', '-f', 'payload', ...at), 0, stage.err.text)
  stage.stdin.end('one\ntwo\n')
  t.equal(await stage.run('pub', '-t', 'stdin', '-s', ...at), 0)
  t.equal(await stage.run('pub', '-t', 'null', '-n', '-r', ...at), 0)
  t.same(
    server.published.map(({ topic, payload }) => [topic, payload.toString('latin1' as never)]),
    [
      ['file', '\0ÿ\n'],
      ['stdin', 'one\ntwo\n'],
      ['null', ''],
    ],
  )
  t.equal(server.connects[0]?.protocolVersion, 4)
  t.equal(await stage.run('pub', '-t', 'file', '-f', 'missing', ...at), 1)
  t.match(stage.err.text, /the payload cannot be read: ENOENT/)
})

t.test('pub sends each line in order, more than the server takes at once', async t => {
  const server = await serverFor(t)
  const stage = stageOn(t)
  const lines = Array.from({ length: 250 }, (_, index) => `line ${index}`)
  stage.stdin.end(lines.join('\n'))
  t.equal(await stage.run('pub', '-t', 'log', '-l', '-q', '1', '-p', String(server.port)), 0, stage.err.text)
  t.same(
    server.published.map(({ payload }) => payload.toString()),
    lines,
  )
})

t.test('pub fails when the server refuses a message or is away', async t => {
  const server = await serverFor(t)
  server.refusals.set('secret', 0x87)
  const stage = stageOn(t)
  t.equal(await stage.run('pub', '-t', 'secret', '-m', 'x', '-q', '1', '-p', String(server.port)), 1)
  t.match(stage.err.text, /^tidegate pub: .*secret/)
  const lines = stageOn(t)
  lines.stdin.end('a\nb\nc\n')
  t.equal(await lines.run('pub', '-t', 'secret', '-l', '-q', '2', '-p', String(server.port)), 1)
  await server.close()
  const away = stageOn(t)
  t.equal(await away.run('pub', '-t', 'a', '-m', 'x', '-p', String(server.port)), 1)
  t.match(away.err.text, new RegExp(`127\\.0\\.0\\.1:${server.port} refuses the connection`))
})

t.test('user name and password come from options and files, without the newline at the end', async t => {
  const server = await serverFor(t)
  const at = ['-p', String(server.port), '-t', 'a', '-m', 'x', '-q', '1', '-i', 'me', '-k', '7']
  const stage = stageOn(t)
  writeFileSync(join(stage.folder, 'pass'), 'geheim\r\n')
  t.equal(await stage.run('pub', '-u', 'anna', '-P', 'pass', ...at), 0, stage.err.text)
  t.match(server.connects[0], { clientId: 'me', username: 'anna', password: Buffer.from('geheim'), keepalive: 7, clean: true })
  stage.stdin.end('from stdin\n')
  t.equal(await stage.run('pub', '-u', 'anna', '--password-stdin', ...at), 0)
  t.same(server.connects[1]?.password, Buffer.from('from stdin'))
  t.equal(await stage.run('pub', '-P', 'pass', ...at), 2)
  t.match(stage.err.text, /a password needs a user name/)
})

const incoming = [
  { topic: 'a/1', payload: 'one', qos: 0, retain: true },
  { topic: 'a/2', payload: Buffer.from([0xff]), qos: 1, retain: false, messageId: 1 },
  { topic: 'a/3', payload: 'three', qos: 2, retain: false, messageId: 2, properties: { contentType: 'text/plain' } },
] as const

const outputs: [words: string[], output: string][] = [
  [[], 'one\n\xff\nthree\n'],
  [['-v'], 'a/1 one\na/2 \xff\na/3 three\n'],
  [['-N'], 'one\xffthree'],
]

for (const [words, output] of outputs) {
  t.test(`sub ${words.join(' ')} prints what comes, byte by byte`, async t => {
    const server = await serverFor(t)
    server.messages = [...incoming]
    const stage = stageOn(t)
    const bytes: Buffer[] = []
    stage.out._write = (chunk: Buffer, _encoding, done) => {
      bytes.push(chunk)
      done()
    }
    t.equal(await stage.run('sub', '-t', 'a/#', '-t', 'b', '-q', '2', '-C', '3', '-p', String(server.port), ...words), 0, stage.err.text)
    t.equal(Buffer.concat(bytes).toString('latin1'), output)
    t.same(server.subscribed, ['a/#', 'b'])
  })
}

t.test('sub prints a line of JSON a message on demand, and leaves out retained ones on demand', async t => {
  const server = await serverFor(t)
  server.messages = [...incoming]
  const stage = stageOn(t)
  t.equal(await stage.run('sub', '-t', 'a/#', '-q', '2', '-C', '2', '-R', '--json', '-p', String(server.port)), 0, stage.err.text)
  const lines = stage.out.text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  t.match(lines, [
    { topic: 'a/2', qos: 1, payload: '/w==', payload_encoding: 'base64' },
    { topic: 'a/3', qos: 2, payload: 'three', payload_encoding: 'plain', properties: { content_type: 'text/plain' } },
  ])
  t.equal(lines.length, 2)
})

t.test('the last message that sub prints is acknowledged as well', async t => {
  const server = await serverFor(t)
  server.messages = [incoming[1]]
  const stage = stageOn(t)
  t.equal(await stage.run('sub', '-t', 'a/#', '-q', '1', '-C', '1', '-p', String(server.port)), 0)
  while (!server.seen.includes('disconnect')) await new Promise(resolve => setImmediate(resolve))
  t.same(server.seen, ['connect', 'subscribe', 'puback', 'disconnect'])
})

t.test('a time-out is the end, and a failure when messages are missing', async t => {
  const server = await serverFor(t)
  const stage = stageOn(t)
  t.equal(await stage.run('sub', '-t', 'a', '-W', '0.05', '-p', String(server.port)), 0)
  t.equal(await stage.run('sub', '-t', 'a', '-W', '0.05', '-C', '1', '-p', String(server.port)), 1)
  t.match(stage.err.text, /^tidegate sub: only 0 of 1 messages came in time\n$/)
})

t.test('a kept session is asked for without clean start and with an expiry', async t => {
  const server = await serverFor(t)
  const stage = stageOn(t)
  t.equal(await stage.run('sub', '-t', 'a', '-i', 'desk', '-c', '-W', '0.01', '-p', String(server.port)), 0)
  t.match(server.connects[0], { clientId: 'desk', clean: false, properties: { sessionExpiryInterval: 0xffff_ffff } })
})

t.test('sub ends by a signal, with its reader, and fails with its connection', async t => {
  const server = await serverFor(t)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const stage = stageOn(t)
    const running = stage.run('sub', '-t', 'a', '-p', String(server.port))
    while (!stage.signals.has(signal)) await new Promise(resolve => setImmediate(resolve))
    stage.signal(signal)
    t.equal(await running, 0)
  }
  server.messages = [incoming[0]]
  const unread = stageOn(t)
  unread.out.broken = true
  t.equal(await unread.run('sub', '-t', 'a', '-p', String(server.port)), 0)
  t.equal(unread.err.text, '')
  const cut = stageOn(t)
  const running = cut.run('sub', '-t', 'a', '-p', String(server.port))
  await cut.out.until(/one/)
  server.drop()
  t.equal(await running, 1)
  t.match(cut.err.text, /^tidegate sub: /)
})

t.test('lines are cut at newlines wherever the chunks end, and have a limit', async t => {
  const { PassThrough } = await import('node:stream')
  const stream = new PassThrough()
  for (const chunk of ['a', 'b\n', '\nc', '', 'd\r\ne']) stream.write(chunk)
  stream.end()
  const lines: string[] = []
  for await (const line of linesOf(stream, 100)) lines.push(line.toString())
  t.same(lines, ['ab', '', 'cd\r', 'e'])
  const long = new PassThrough()
  long.end('x'.repeat(101))
  await t.rejects(linesOf(long, 100).next(), { code: 'quota-exceeded' })
})
