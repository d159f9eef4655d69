import t from 'tap'
import { build } from '#system/build.ts'
import { device } from '#system/device.ts'
import { assertRuntime, sqliteVersion } from '#system/runtime.ts'

t.test('a device says its board, distribution and size', async t => {
  const files: Record<string, string> = {
    '/proc/device-tree/model': 'Raspberry Pi 4 Model B Rev 1.4\0',
    '/etc/os-release': 'NAME=x\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
  }
  const found = device(path => files[path])
  t.equal(found.model, 'Raspberry Pi 4 Model B Rev 1.4')
  t.equal(found.system, 'Debian GNU/Linux 12 (bookworm)')
  t.ok(found.cpus >= 1)
  t.ok(found.memoryBytes > 1_000_000)
})

t.test('a device without such files still has an answer', async t => {
  const found = device(() => undefined)
  t.equal(found.model, undefined)
  t.equal(found.system, process.platform)
  t.ok(device().kernel)
})

t.test('a runtime that the native parts would crash is refused by a sentence', async t => {
  t.throws(() => assertRuntime({ node: '20.20.2', napi: '9' }), { code: 'runtime-unfit', message: /Node 20\.20\.2/ })
  t.throws(() => assertRuntime({ node: '8.0.0' }), { code: 'runtime-unfit' })
  t.doesNotThrow(() => assertRuntime({ node: '24.0.0', napi: '10' }))
  t.doesNotThrow(() => assertRuntime())
})

t.test('the build names its version, and SQLite its own', async t => {
  t.match(build(), { version: /^\d+\.\d+\.\d+/, commit: 'source', node: process.versions.node })
  t.match(await sqliteVersion(), /^3\.\d+\.\d+$/)
})
