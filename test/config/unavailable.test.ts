import t from 'tap'
import { showFault } from '#config/fault.ts'
import { loadConfig } from '#config/load.ts'
import { rootSchema } from '#registry.ts'

const faults = (text: string) =>
  loadConfig({ schema: rootSchema, file: '/t.toml', env: {}, sets: [], folder: '/', readFile: () => text }).faults.map(showFault)

t.test('what would be believed and is not kept is a fault', async t => {
  const listener = '[listeners.a]\nprotocol = "mqtt"\nbind = "127.0.0.1:1"\n'
  const texts = [`${listener}mountpoint = "x/"`]
  for (const text of texts) t.match(faults(text), [/^\/t\.toml:\d+:\d+: [a-z._-]+: is not available in this version/], text)
  t.same(faults(listener), [])
})
