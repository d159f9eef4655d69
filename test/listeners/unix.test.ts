import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { shortSocketPath } from '#listeners/socket-path.ts'
import { openUnixListener } from '#listeners/unix.ts'
import { Acceptor, dial, dialRefused, testOptions } from './support.ts'

/** A folder whose sockets need no detour: tap's own folders have long names. */
function shortFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

t.test('bytes go both ways over a socket with the mode asked for', async t => {
  const folder = shortFolder(t)
  const path = join(folder, 'gate.sock')
  const acceptor = new Acceptor()
  const listener = await openUnixListener({ ...testOptions(acceptor), path, mode: 0o600 })
  t.match(listener, { transport: 'unix', address: path, port: 0 })
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.strictSame(readdirSync(folder), ['gate.sock'], 'nothing is left beside it')
  const client = await dial({ path })
  const peer = await acceptor.next()
  t.match(peer.connection, { transport: 'unix', loopback: true, remote: undefined, local: undefined })
  client.write('ping')
  await peer.until(({ receivedBytes }) => receivedBytes === 4)
  peer.connection.write(Buffer.from('pong'))
  t.equal(String((await once(client, 'data'))[0]), 'pong')
  await listener.close()
  t.notOk(existsSync(path), 'the close removes the file')
  client.destroy()
  await peer.until(({ closes }) => closes.length > 0)
})

t.test('without a mode, owner and group may connect', async t => {
  const path = join(shortFolder(t), 'gate.sock')
  const listener = await openUnixListener({ ...testOptions(new Acceptor()), path })
  t.equal(statSync(path).mode & 0o777, 0o660)
  await listener.close()
})

t.test('a path longer than a socket address works', async t => {
  const folder = join(shortFolder(t), 'd'.repeat(120), 'e'.repeat(120))
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'gate.sock')
  const acceptor = new Acceptor()
  const listener = await openUnixListener({ ...testOptions(acceptor), path })
  const short = shortSocketPath(path)
  t.ok(short.path.length < 108)
  const client = await dial({ path: short.path })
  short.close()
  short.close()
  await acceptor.next()
  client.destroy()
  await t.rejects(openUnixListener({ ...testOptions(new Acceptor()), path }), { code: 'address-in-use' })
  await listener.close()
  t.notOk(existsSync(path))
})

t.test('a socket that somebody answers on is in use', async t => {
  const path = join(shortFolder(t), 'gate.sock')
  const first = await openUnixListener({ ...testOptions(new Acceptor()), path })
  await t.rejects(openUnixListener({ ...testOptions(new Acceptor()), path }), {
    code: 'address-in-use',
    message: `the socket ${path} is taken by another program`,
  })
  t.ok(existsSync(path))
  await first.close()
})

t.test('a socket file that nobody answers on is replaced', async t => {
  const folder = shortFolder(t)
  const path = join(folder, 'gate.sock')
  const dead = createServer().listen(join(folder, 'dead'))
  await once(dead, 'listening')
  renameSync(join(folder, 'dead'), path)
  dead.close()
  await once(dead, 'close')
  t.ok(existsSync(path))
  const acceptor = new Acceptor()
  const listener = await openUnixListener({ ...testOptions(acceptor), path })
  const client = await dial({ path })
  await acceptor.next()
  client.destroy()
  await listener.close()
})

t.test('a file that is no socket stays and is an error', async t => {
  const folder = shortFolder(t)
  writeFileSync(join(folder, 'gate.sock'), 'precious')
  await t.rejects(openUnixListener({ ...testOptions(new Acceptor()), path: join(folder, 'gate.sock') }), {
    code: 'listen-failed',
    message: /is not a socket/,
  })
  t.equal(statSync(join(folder, 'gate.sock')).size, 8)
})

t.test('a missing folder is an error that names the socket', async t => {
  const path = join(shortFolder(t), 'missing', 'gate.sock')
  await t.rejects(openUnixListener({ ...testOptions(new Acceptor()), path }), { code: 'listen-failed', message: new RegExp(path) })
})

t.test('the close leaves a file that another program put there', async t => {
  const path = join(shortFolder(t), 'gate.sock')
  const listener = await openUnixListener({ ...testOptions(new Acceptor()), path })
  renameSync(path, `${path}.old`)
  writeFileSync(path, 'another')
  await listener.close()
  t.ok(existsSync(path))
})

t.test('refused connections are closed and counted', async t => {
  const path = join(shortFolder(t), 'gate.sock')
  const listener = await openUnixListener({ ...testOptions(new Acceptor()), path, maxConnections: 0 })
  await dialRefused({ path })
  t.equal(listener.counters.refusedFull, 1)
  await listener.close()
})
