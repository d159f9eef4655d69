import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { dependencyFaults } from '../../scripts/check-dependencies.ts'

type Tree = { [name: string]: string | Tree }

const MANIFEST = readFileSync('package.json', 'utf8')

/** A tree that keeps all rules and is large enough to be believed. */
const SOUND: Tree = {
  'main.ts': "import '#gateway.ts'\nimport '#cli/run.ts'",
  'gateway.ts': "import '#registry.ts'\nimport '#broker/ports.ts'\nimport 'node:fs'",
  'registry.ts': "import '#adapters/coap/index.ts'",
  base: { 'system-clock.ts': "import 'node:crypto'", 'errors.ts': 'export const e = 1' },
  broker: { 'ports.ts': "import '#base/errors.ts'", 'session.ts': "import './ports.ts'" },
  listeners: { 'types.ts': 'export const l = 1', 'tcp.ts': "import 'node:net'\nimport './types.ts'" },
  adapters: {
    coap: {
      'index.ts': "import '#broker/ports.ts'\nimport '#listeners/types.ts'\nimport './transport.ts'",
      'transport.ts': "import 'node:fs'",
    },
    lwm2m: { 'index.ts': "import '../coap/index.ts'" },
  },
  cli: { 'run.ts': 'export const r = 1' },
}

async function faultsOf(t: Test, change: Record<string, string>): Promise<string[]> {
  const src = structuredClone(SOUND)
  for (const [path, text] of Object.entries(change)) {
    const names = path.split('/')
    const file = names.pop()!
    let folder = src
    for (const name of names) folder = (folder[name] ??= {}) as Tree
    folder[file] = text
  }
  return dependencyFaults(t.testdir({ 'package.json': MANIFEST, src } as Parameters<Test['testdir']>[0]))
}

t.test('a tree that keeps the rules has no fault', async t => {
  t.strictSame(await faultsOf(t, {}), [])
})

t.test('each forbidden import is found', async t => {
  const cases: [string, string, string][] = [
    ['base/a.ts', "import '#broker/ports.ts'", 'base-imports'],
    ['base/a.ts', "import type { x } from '#broker/ports.ts'", 'base-imports'],
    ['base/a.ts', "import 'node:crypto'", 'crypto-in-base'],
    ['codecs/mqtt/a.ts', "import '#broker/ports.ts'", 'codecs-imports'],
    ['broker/a.ts', "import '#listeners/types.ts'", 'broker-imports'],
    ['broker/a.ts', "import 'node:fs/promises'", 'io-in-its-place'],
    ['broker/a.ts', "export * from 'net'", 'io-in-its-place'],
    ['broker/a.ts', "const fs = await import('node:fs')", 'io-in-its-place'],
    ['rules/a.ts', "import 'node:worker_threads'", 'io-in-its-place'],
    ['access/a.ts', "import type D from 'better-sqlite3'", 'io-in-its-place'],
    ['bridges/mqtt/engine.ts', "import 'serialport'", 'io-in-its-place'],
    ['store/a.ts', "import '#broker/session.ts'", 'store-imports'],
    ['clients/a.ts', "import '#broker/ports.ts'", 'clients-imports'],
    ['adapters/coap/a.ts', "import '#broker/session.ts'", 'adapters-imports'],
    ['adapters/coap/a.ts', "import '#listeners/tcp.ts'", 'adapters-imports'],
    ['adapters/mqtt/a.ts', "import '../coap/index.ts'", 'adapters-apart'],
    ['adapters/lwm2m/a.ts', "import '../coap/transport.ts'", 'lwm2m-on-coap'],
    ['bridges/a.ts', "import '#adapters/coap/index.ts'", 'bridges-imports'],
    ['admin/a.ts', "import '#broker/session.ts'", 'admin-imports'],
    ['cli/a.ts', "import '#gateway.ts'", 'cli-imports'],
    ['gateway/a.ts', "import '#main.ts'", 'main-is-top'],
    ['extras/a.ts', "import '#base/errors.ts'", 'known-folder'],
    ['broker/a.ts', "import '#broker/missing.ts'", 'resolvable'],
  ]
  for (const [path, text, rule] of cases) {
    const faults = await faultsOf(t, { [path]: text })
    t.ok(
      faults.some(fault => fault.startsWith(`src/${path} `) && fault.endsWith(`: ${rule}`)),
      `${path}: ${text}`,
      { faults },
    )
  }
})

t.test('store, config and admin may import ports', async t => {
  const text = "import '#broker/ports.ts'\nimport '#broker/store-port.ts'"
  t.strictSame(await faultsOf(t, { 'broker/store-port.ts': '', 'store/a.ts': text, 'admin/a.ts': text, 'config/a.ts': text }), [])
})

t.test('a cycle is found, unless it is one of types alone', async t => {
  const use = (other: string) => `import { x } from './${other}.ts'\nexport const y = x`
  t.match(await faultsOf(t, { 'broker/a.ts': use('b'), 'broker/b.ts': use('a') }), [/no-cycle/])
  t.strictSame(await faultsOf(t, { 'broker/a.ts': "import type { x } from './b.ts'", 'broker/b.ts': use('a') }), [])
})

t.test('a check that reads nothing fails', async t => {
  const faults = await dependencyFaults(t.testdir({ 'package.json': MANIFEST, src: {} }))
  t.match(faults, [/the check itself does not work/])
})
