import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { addonWay, descriptorWay, type NotifyAddon, notifyWays, programWay } from '#system/notify-ways.ts'
import { run } from '../faults/tools.ts'
import { eventually } from '../support/eventually.ts'
import { peer } from '../support/peers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { NotifyListener } from './notify-listener.ts'

const fakeAddon = (...answers: number[]): NotifyAddon & { sent: [string, string][] } => {
  const sent: [string, string][] = []
  return {
    sent,
    send(address, state) {
      sent.push([address, state])
      return answers.shift() ?? 0
    },
  }
}

/** The addon as `gcc` makes it from the source. */
function builtAddon(folder: string): NotifyAddon {
  const file = join(folder, 'notify.node')
  const headers = join(import.meta.dirname, '../../node_modules/node-api-headers/include')
  const source = join(import.meta.dirname, '../../src/system/native/notify.c')
  run('gcc', '-O2', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared', '-DNAPI_VERSION=8', '-I', headers, '-o', file, source)
  const holder: { exports: unknown } = { exports: {} }
  process.dlopen(holder, file)
  return holder.exports as NotifyAddon
}

t.test('the addon sends datagrams to paths and abstract names, and tells faults as values', async t => {
  const python = peer(t, 'paho-python')
  const gcc = peer(t, 'gcc')
  if (python === undefined || gcc === undefined) return
  const folder = temporaryFolder(t)
  const addon = builtAddon(folder)
  for (const address of [join(folder, 'notify'), `@tidegate-test-${process.pid}`, join(folder, 'x'.repeat(107 - folder.length - 1))]) {
    const listener = await NotifyListener.open(python, address)
    t.teardown(() => listener.close())
    t.equal(addon.send(address, 'READY=1\nSTATUS=é'), 0)
    t.equal(await listener.next(/READY/), 'READY=1\nSTATUS=é')
  }
  const { ENOENT, ECONNREFUSED, EAFNOSUPPORT, ENAMETOOLONG, EMSGSIZE, EINVAL } = constants.errno
  t.equal(addon.send(join(folder, 'nobody'), 'READY=1'), -ENOENT)
  t.equal(addon.send(`@nobody-${process.pid}`, 'READY=1'), -ECONNREFUSED)
  t.equal(addon.send('vsock:2:3', 'READY=1'), -EAFNOSUPPORT)
  t.equal(addon.send('', 'READY=1'), -EAFNOSUPPORT)
  t.equal(addon.send(`/${'x'.repeat(107)}`, 'READY=1'), -ENAMETOOLONG)
  t.equal(addon.send(`@${'x'.repeat(107)}`, 'READY=1'), -ECONNREFUSED, 'an abstract name needs no zero at its end')
  t.equal(addon.send(`@${'x'.repeat(108)}`, 'READY=1'), -ENAMETOOLONG)
  t.equal(addon.send('/x', 'x'.repeat(4097)), -EMSGSIZE)
  for (const words of [[], ['/x'], [1, 2], [undefined, 'READY=1'], ['/x', {}]]) {
    t.equal((addon.send as (...words: unknown[]) => number)(...words), -EINVAL)
  }
})

t.test('a full queue means later, any other errno that nothing goes this way', async t => {
  const { EAGAIN, ENOBUFS, EACCES } = constants.errno
  const addon = fakeAddon(0, -EAGAIN, -ENOBUFS, -EACCES, -9999)
  const way = addonWay(addon, '/run/notify')
  t.equal(way.send('READY=1'), 'sent')
  t.equal(way.send('READY=1'), 'busy')
  t.equal(way.send('READY=1'), 'busy')
  t.strictSame(way.send('READY=1'), { fault: '/run/notify: EACCES' })
  t.strictSame(way.send('READY=1'), { fault: '/run/notify: error 9999' })
  t.strictSame(addon.sent[0], ['/run/notify', 'READY=1'])
})

t.test('a descriptor that systemd has opened takes a message as one write', async t => {
  const file = join(temporaryFolder(t), 'file')
  const fd = openSync(file, 'w')
  t.equal(descriptorWay(fd).send('WATCHDOG=1'), 'sent')
  closeSync(fd)
  t.equal(readFileSync(file, 'utf8'), 'WATCHDOG=1')
  t.match(descriptorWay(fd).send('WATCHDOG=1'), { fault: /EBADF/ })
})

t.test('the program gets the fields as its words and the address in its environment', async t => {
  const folder = temporaryFolder(t)
  const program = join(folder, 'systemd-notify')
  writeFileSync(program, `#!/bin/sh\nprintf '%s|' "$NOTIFY_SOCKET" "$@" > ${folder}/said.part; mv ${folder}/said.part ${folder}/said\n`, {
    mode: 0o755,
  })
  const way = programWay('/run/notify', { PATH: process.env['PATH'] }, program)
  t.equal(way.send('READY=1\nSTATUS=a b'), 'sent')
  const said = () => readFileSync(join(folder, 'said'), 'utf8')
  await eventually(
    'the program has run',
    () => {
      try {
        return said() !== ''
      } catch {
        return false
      }
    },
    20_000,
  )
  t.equal(said(), '/run/notify|READY=1|STATUS=a b|')
})

t.test('a program that is not there is found out, one that hangs is not started again and again', async t => {
  const missing = programWay('/run/notify', {}, '/nowhere/systemd-notify')
  t.equal(missing.send('READY=1'), 'sent', 'it is not known yet')
  await eventually('the fault is known', () => typeof missing.send('STATUS=x') === 'object', 20_000)
  t.match(missing.send('STATUS=x'), { fault: /ENOENT/ })
  const hanging = join(temporaryFolder(t), 'hanging')
  writeFileSync(hanging, '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 })
  const way = programWay('/run/notify', { PATH: process.env['PATH'] }, hanging)
  t.strictSame(
    Array.from({ length: 6 }, () => way.send('STATUS=x')),
    ['sent', 'sent', 'sent', 'sent', 'busy', 'busy'],
  )
  await eventually('those that hang are ended', () => way.send('STATUS=x') === 'sent', 20_000)
})

t.test('of what was handed over the best is used first', async t => {
  const named = (address: string | undefined, descriptor?: number, addon?: NotifyAddon) => {
    const handed = { address, descriptor, watchdogMs: undefined }
    return notifyWays({ handed, environment: {}, loadAddon: () => addon }).map(way => way.name)
  }
  t.strictSame(named('/run/systemd/notify', 4, fakeAddon()), ['datagram', 'open file', 'systemd-notify'])
  t.strictSame(named('@x', 4), ['open file', 'systemd-notify'])
  t.strictSame(named('@x'), ['systemd-notify'])
  t.strictSame(named(undefined, 4, fakeAddon()), [], 'nobody wants to hear anything')
})
