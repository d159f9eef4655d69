import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { AnySchema } from '#base/schema.ts'
import { choice, duration, integer, list, map, secret, string, table } from '#base/schema.ts'
import { jsonSchemaPage } from '#config/json-schema.ts'
import { loadConfig } from '#config/load.ts'
import { referencePage } from '#config/reference.ts'
import { rootSchema } from '#registry.ts'
import { accepts } from './json-schema-check.ts'
import { schema } from './loading.ts'

const small = table(
  {
    upstreams: map(
      choice(
        'kind',
        {
          one: table(
            {
              wait: duration({ default: '30s', max: '1h', description: 'How long.' }),
              count: integer({ required: true, max: 9, unit: 'tries', description: 'How often | or never.', example: 3 }),
              token: secret({ description: 'The token.' }),
              old: string({ deprecated: 'use wait', description: 'Was wait.' }),
              out: list(table({ from: string({ required: true, description: 'A filter.' }) }, { description: 'A route.' }), {
                description: 'Routes.',
              }),
            },
            { description: 'The one.' },
          ),
        },
        { description: 'An upstream.' },
      ),
      { description: 'Upstreams by name.' },
    ),
  },
  { description: 'All.' },
)

t.test('the reference page has a row for every key and an example for every table', async t => {
  const page = referencePage(small)
  const tables = page.slice(page.indexOf('\n### '))
  t.equal(
    tables.trim(),
    `### \`[upstreams.NAME] with kind = "one"\`

The one. Upstreams by name. An upstream.

| key | type | default | range | meaning |
|---|---|---|---|---|
| \`kind\` | text | required | \`"one"\` | What the other keys depend on. |
| \`wait\` | duration | \`"30s"\` | 0s to 1h | How long. |
| \`count\` | integer | required | 0 to 9 tries | How often \\| or never. |
| \`token\`, \`token_file\` | secret | | | The token. |
| \`old\` | text | | | Out of date: use wait. Was wait. |
| \`out\` | list of tables | | | Routes. |

\`\`\`toml
[upstreams.example]
kind = "one"
wait = "30s"
count = 3
token_file = "token.txt"
\`\`\`

### \`[[upstreams.NAME.out]]\`

Routes. A route.

| key | type | default | range | meaning |
|---|---|---|---|---|
| \`from\` | text | required | | A filter. |`,
  )
})

t.test('every example of the reference page of the common tables is a valid configuration by itself', async t => {
  const examples = referencePage(schema).matchAll(/```toml\n([^`]*)```/g)
  let count = 0
  for (const [, text] of examples) {
    // Tables within others need those.
    if (/^\[+(bridges|listeners)\.\w+\.\w/.test(text)) continue
    count++
    const { faults } = loadConfig({
      schema,
      file: '/x.toml',
      env: {},
      sets: [],
      folder: '/',
      readFile: name => (name === '/x.toml' ? completed(text) : 'secret'),
    })
    t.same(faults, [], text)
  }
  t.ok(count >= 7)
})

/** A required key without example or default cannot be shown. */
function completed(text: string): string {
  return text.startsWith('[bridges.') ? `${text}url = "mqtt://h"\n` : text
}

t.test('the JSON Schema lets through what the gateway takes and stops what it does not know', async t => {
  const page = JSON.parse(jsonSchemaPage(schema))
  t.equal(page.$schema, 'https://json-schema.org/draft/2020-12/schema')
  const good = [
    {},
    { limits: { max_packet: '64KiB', burst: 3 }, zones: { field: { max_packet: 4096 } } },
    { listeners: { local: { protocol: 'mqtt', bind: '127.0.0.1:1883' }, six: { protocol: 'coap', bind: '[::1]:5683' } } },
    { bridges: { cloud: { kind: 'mqtt', url: 'mqtt://h', password_file: 'p', out: [{ from: 'a' }] } } },
  ]
  const bad = [
    { limit: {} },
    { limits: { max_packet: '64XB' } },
    { limits: { burst: -1 } },
    { limits: { session_expiry: 5 } },
    { zones: { Field: {} } },
    { listeners: { local: { protocol: 'mqtt' } } },
    { listeners: { local: { bind: '127.0.0.1:1' } } },
    { listeners: { local: { protocol: 'stomp', bind: '127.0.0.1:1' } } },
    { listeners: { local: { protocol: 'coap', bind: '127.0.0.1' } } },
    { bridges: { cloud: { kind: 'mqtt', url: 'http://h' } } },
    { bridges: { cloud: { kind: 'mqtt', url: 'mqtt://h', out: [{}] } } },
  ]
  for (const value of good) t.equal(accepts(page, value), true, JSON.stringify(value))
  for (const value of bad) t.equal(accepts(page, value), false, JSON.stringify(value))
})

t.test('every key of every table has a description', async t => {
  const bare: string[] = []
  const walk = (each: AnySchema, path: string): void => {
    if (each.description === '') bare.push(path)
    if (each.kind === 'list' || each.kind === 'map') walk(each.item, `${path}.*`)
    for (const [key, inner] of Object.entries(each.kind === 'table' ? each.keys : each.kind === 'choice' ? each.variants : {}))
      walk(inner, `${path}.${key}`)
  }
  walk(rootSchema, '')
  t.same(bare, [])
})

t.test('the JSON Schema of the whole configuration uses no keyword beyond the checked ones', async t => {
  const page = JSON.parse(jsonSchemaPage(rootSchema))
  t.equal(accepts(page, { gateway: { id: 'a' }, store: { max_bytes: '1GiB' } }), true)
  t.equal(accepts(page, { gateway: { idd: 'a' } }), false)
})

t.test('the introduction names the file that the page stands beside', async t => {
  t.match(referencePage(small), /tidegate\.schema\.json/)
  t.match(readFileSync(join(import.meta.dirname, '../../scripts/reference.ts'), 'utf8'), /'tidegate\.schema\.json'/)
})
