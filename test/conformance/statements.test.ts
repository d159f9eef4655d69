import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Statement } from './statements.ts'
import { MQTT_5 } from './statements-5.ts'
import { MQTT_3_1_1 } from './statements-311.ts'

const TESTS = join(import.meta.dirname, '..')
const TAG = /\[(MQTT(?:311)?-\d+\.\d+\.\d+-\d+)\]/g

/** The tags in the names of tests, with the files that they are in: in strings that a test file could only have as names. */
function tagged(): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const file of readdirSync(TESTS, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.test.ts')) continue
    const text = readFileSync(join(TESTS, file), 'utf8').replace(/^\s*(\/\/|\*).*$/gm, '')
    for (const [, id] of text.matchAll(TAG)) found.set(id, [...new Set([...(found.get(id) ?? []), file])])
  }
  return found
}

const tests = tagged()

for (const [name, table, least] of [
  ['MQTT 5.0', MQTT_5, 240],
  ['MQTT 3.1.1', MQTT_3_1_1, 130],
] as const) {
  t.test(`every normative statement of ${name} about a server has a test, or a reason`, async t => {
    t.ok(table.length >= least, `${table.length} statements`)
    t.equal(new Set(table.map(({ id }) => id)).size, table.length, 'none stands twice')
    const untested = table.filter(({ id, standing }) => standing === 'test' && !tests.has(id))
    t.same(
      untested.map(({ id, says }: Statement) => `${id}: ${says}`),
      [],
    )
    const reasons = table.filter(({ standing }) => typeof standing === 'object')
    t.ok(reasons.every(({ standing }) => typeof standing === 'object' && standing.why.length > 10))
    t.comment(`${table.length} statements, ${table.filter(({ id }) => tests.has(id)).length} with a test`)
  })
}

t.test('tags name statements that there are', async t => {
  const known = new Set([...MQTT_5, ...MQTT_3_1_1].map(({ id }) => id))
  t.same(
    [...tests.keys()].filter(id => !known.has(id)),
    [],
  )
})
