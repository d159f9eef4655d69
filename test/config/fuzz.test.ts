import t from 'tap'
import { showFault } from '#config/fault.ts'
import { config, FILE, load } from './loading.ts'

const SEED = 0x7d1e_6a7e
const ROUNDS = 1500

/** mulberry32: the same numbers every time. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const random = numbers(SEED)
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]

const GOOD = `[gateway]
id = "gw-1"
[limits]
max_packet = "1MiB"
queue_qos0 = false
[zones.field]
receive_maximum = 8
[listeners.local]
protocol = "mqtt"
bind = "127.0.0.1:1883"
zone = "field"
proxy_protocol = { trusted = ["10.0.0.0/8"] }
[[access.rules]]
permit = "allow"
who = { username = "a" }
topics = ["a/#", "b"]
[bridges.cloud]
kind = "mqtt"
url = "mqtts://h"
password_file = "p"
[[bridges.cloud.out]]
from = "a"
`

const PIECES = [
  '[',
  ']',
  '[[',
  ']]',
  '{',
  '}',
  '=',
  '"',
  "'",
  '"""',
  '\n',
  '\r\n',
  ',',
  '.',
  '#',
  '\\',
  '\\u00e9',
  ' ',
  '\t',
  '0',
  '-1',
  '1e9',
  'inf',
  'nan',
  'true',
  '1979-05-27',
  '\0',
  '\u007f',
  '\ud800',
  'é',
  '😀',
  '__proto__',
  'constructor',
  'a.b',
  'limits',
  'zones',
  'listeners.local',
  'kind',
  'bind',
  '"64KiB"',
  '99999999999999999999',
]
const VALUES = [
  '1',
  '-1',
  '1.5',
  'true',
  '"x"',
  '""',
  '[]',
  '[[]]',
  '[1, "a", {}]',
  '{}',
  '{ a = { b = [1] } }',
  '1979-05-27T07:32:00Z',
  'inf',
  'nan',
  '9223372036854775807',
  "'''x'''",
  '"127.0.0.1:1"',
  '"64KiB"',
  '"mqtt"',
  '"../x"',
  '"\\u0000"',
]
const KEYS = [
  'gateway',
  'id',
  'limits',
  'zones',
  'field',
  'listeners',
  'local',
  'protocol',
  'bind',
  'zone',
  'proxy_protocol',
  'trusted',
  'access',
  'rules',
  'authenticators',
  'who',
  '0',
  '1',
  '99',
  '-1',
  'bridges',
  'cloud',
  'kind',
  'url',
  'password',
  'password_file',
  'out',
  'tls',
  'cert',
  '__proto__',
  'constructor',
  'toString',
  'x y',
  '',
]

const files = { '/etc/tidegate/p': 'secret' }

/** Loads, and shows everything that came of it: nothing may throw, and each fault must be one line with its source. */
function survives(t: Tap, text: string | undefined, given: Parameters<typeof load>[1], shown: string): void {
  try {
    const { config, faults, warnings, sources } = load(text, given)
    for (const line of [...faults, ...warnings].map(showFault)) {
      if (!/^(\/etc\/tidegate\/tidegate\.toml:\d+:\d+|environment [^\n]+|--set|default): [^\n]+$/.test(line))
        t.fail(`odd fault ${JSON.stringify(line)} for ${shown}`)
    }
    if ((config === undefined) !== faults.length > 0) t.fail(`a value with faults, or none without, for ${shown}`)
    sources.describe(pick(KEYS))
    sources.originOf([pick(KEYS), pick(KEYS)])
  } catch (error) {
    t.fail(`seed ${SEED}: ${String(error)} for ${shown}`)
  }
}

type Tap = Pick<typeof t, 'fail'>

t.test('a good file with random damage gives faults or values, never an exception', async t => {
  t.ok(config(GOOD, { files }))
  for (let round = 0; round < ROUNDS; round++) {
    let text = GOOD
    for (let hits = 1 + Math.floor(random() * 3); hits > 0; hits--) {
      const at = Math.floor(random() * text.length)
      text = text.slice(0, at) + (random() < 0.7 ? pick(PIECES) : '') + text.slice(at + Math.floor(random() * 6))
    }
    survives(t, text, { files }, JSON.stringify(text))
  }
})

t.test('random values under random keys give faults or values, never an exception', async t => {
  for (let round = 0; round < ROUNDS; round++) {
    const path = Array.from({ length: 1 + Math.floor(random() * 5) }, () => pick(KEYS))
    const toml = path.map(key => JSON.stringify(key)).join('.')
    const value = pick(VALUES)
    survives(t, `${toml} = ${value}\n${random() < 0.5 ? GOOD : ''}`, { files }, `${toml} = ${value}`)
    survives(
      t,
      random() < 0.5 ? GOOD : undefined,
      { files, sets: [`${random() < 0.5 ? toml : path.join('.')}=${value}`] },
      `--set ${toml}=${value}`,
    )
    const variable = `TIDEGATE_${path.join('__').toUpperCase()}`
    survives(
      t,
      random() < 0.5 ? GOOD : undefined,
      { files, env: { [variable]: random() < 0.5 ? value : pick(PIECES) } },
      `${variable}=${value}`,
    )
  }
})

t.test('random bytes give faults, never an exception', async t => {
  for (let round = 0; round < ROUNDS / 4; round++) {
    const bytes = Uint8Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256))
    survives(t, undefined, { files: { [FILE]: bytes }, sets: [new TextDecoder('latin1').decode(bytes)] }, 'bytes')
    survives(t, bytes as unknown as string, {}, 'bytes')
  }
})

t.test('nesting without end is a fault', async t => {
  for (const open of ['[', '{a=', 'a.']) {
    const text = `a=${open.repeat(20_000)}`
    survives(t, text, { sets: [text] }, open)
    t.ok(load(text).faults.length > 0)
  }
  for (const [open, close] of [
    ['[', ']'],
    ['{a=', '}'],
  ] as const) {
    const depth = 10_000
    const text = `limits=${open.repeat(depth)}1${close.repeat(depth)}`
    survives(t, text, { sets: [text] }, open)
    t.ok(load(text).faults.length > 0)
  }
})
