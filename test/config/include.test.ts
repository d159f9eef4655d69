import t from 'tap'
import { boolean, integer, map, string, table } from '#base/schema.ts'
import { showFault } from '#config/fault.ts'
import { loadConfig } from '#config/load.ts'

const shared = {
  speed: integer({ description: 'speed', default: 1, max: 100 }),
  fine: boolean({ description: 'fine', default: false }),
  parts: map(
    table({ size: integer({ description: 'size', required: true }), colour: string({ description: 'colour' }) }, { description: 'part' }),
    {
      description: 'parts',
    },
  ),
}
const file = table({ device: table(shared, { description: 'device' }) }, { description: 'file' })
const include = { key: 'profile', section: 'device', schema: () => file }
const profile = string({ description: 'profile' })
const schema = table(
  {
    whole: table({ profile, ...shared }, { description: 'whole', include: { ...include, partial: false } }),
    some: table({ profile, parts: shared.parts }, { description: 'some', include: { ...include, partial: true } }),
  },
  { description: 'root' },
)

const FILES: Record<string, string> = {
  '/etc/own.toml': '[device]\nspeed = 7\n[device.parts.a]\nsize = 1\ncolour = "red"\n[device.parts.b]\nsize = 2\n',
  '/etc/wrong.toml': '[device]\nspeed = 700\nshape = 3\n',
  '/etc/broken.toml': '[device\n',
}

function load(toml: string, sets: string[] = []) {
  const readFile = (path: string) => {
    const text = path === '/etc/t.toml' ? toml : FILES[path]
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    return text
  }
  const named = (name: string) => (name === 'known' ? { path: 'profiles/known.toml', text: '[device]\nspeed = 5\n' } : undefined)
  const { config, faults } = loadConfig({ schema, file: '/etc/t.toml', env: {}, sets, folder: '/', readFile, named })
  return { config: JSON.parse(JSON.stringify(config ?? null)), faults: faults.map(showFault) }
}

t.test('what a table does not say itself comes from the file that it names, key by key', async t => {
  const { config, faults } = load('[whole]\nprofile = "own.toml"\nfine = true\nparts.a.colour = "blue"\nparts.c.size = 3')
  t.same(faults, [])
  t.match(config.whole, { speed: 7, fine: true, parts: { a: { size: 1, colour: 'blue' }, b: { size: 2 }, c: { size: 3 } } })
  t.equal(load('[whole]\nprofile = "known"').config.whole.speed, 5)
  t.equal(load('[whole]\nprofile = "known"\nspeed = 9').config.whole.speed, 9)
  t.equal(load('[whole]\nprofile = "known"', ['whole.speed=11']).config.whole.speed, 11, '--set goes before it')
})

t.test('a part takes only the keys that it has', async t => {
  const { config, faults } = load('[some]\nprofile = "./own.toml"')
  t.same(faults, [])
  t.same(Object.keys(config.some.parts), ['a', 'b'])
})

t.test('faults of the file have their place in it, once, however often it is named', async t => {
  t.same(load('[whole]\nprofile = "wrong.toml"\n[some]\nprofile = "wrong.toml"').faults, [
    '/etc/wrong.toml:2:9: device.speed: must be from 0 to 100, not 700',
    '/etc/wrong.toml:3:1: device.shape: unknown key (known: speed, fine, parts)',
  ])
  t.match(load('[whole]\nprofile = "broken.toml"').faults[0], /^\/etc\/broken\.toml:1:/)
})

t.test('a file that is not there is a fault at the key that names it', async t => {
  t.match(load('[whole]\nprofile = "nobody"').faults, [/^\/etc\/t\.toml:2:11: whole\.profile: there is no profile "nobody"/])
  t.match(load('[whole]\nprofile = "./gone.toml"').faults, [/^\/etc\/t\.toml:2:11: whole\.profile: .*cannot be read/])
  t.match(load('[whole]\nprofile = 5').faults, [/whole\.profile: must be text/])
})
