import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { peer } from './peers.ts'

/** Stands in for a test: remembers what it was told. */
function recorder() {
  const told: string[] = []
  return {
    told,
    fail: (message: string) => told.push(`fail: ${message}`),
    pass: (_name: string, extra: { skip: string }) => told.push(`skip: ${extra.skip}`),
  }
}

t.test('a peer that is there is found by its path', async t => {
  const folder = t.testdir()
  const path = join(folder, 'coap-client-openssl')
  writeFileSync(path, '#!/bin/sh\n')
  chmodSync(path, 0o755)
  const test = recorder()
  t.equal(peer(test, 'coap-client', { PATH: `/nowhere:${folder}` }), path)
  t.strictSame(test.told, [])
})

t.test('a missing peer is a skip at home and a failure with CI=true', async t => {
  const home = recorder()
  t.equal(peer(home, 'socat', { PATH: '/nowhere' }), undefined)
  t.match(home.told, [/^skip: socat is not installed \(Debian package socat\)$/])
  const ci = recorder()
  t.equal(peer(ci, 'socat', { PATH: '/nowhere', CI: 'true' }), undefined)
  t.match(ci.told, [/^fail: socat is not installed/])
})
