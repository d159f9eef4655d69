import t from 'tap'
import { bridges } from '#bridges/index.ts'
import { rootSchema } from '#config/common.ts'
import { showFault } from '#config/fault.ts'
import { loadConfig } from '#config/load.ts'

const schema = rootSchema({ bridges })

function load(text: string) {
  const files: Record<string, string> = { '/etc/t/tidegate.toml': text, '/etc/t/cloud.pass': 'geheim\n' }
  return loadConfig({
    schema,
    file: '/etc/t/tidegate.toml',
    env: {},
    sets: [],
    folder: '/etc/t',
    readFile: name => {
      if (Object.hasOwn(files, name)) return files[name]
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    },
  })
}

function faults(text: string): string[] {
  return load(text).faults.map(showFault)
}

function warnings(text: string): string[] {
  return load(text).warnings.map(showFault)
}

const HEAD = '[bridges.cloud]\nkind = "mqtt"\nurl = "mqtt://broker.example"\n'
const ROUTE = '[[bridges.cloud.out]]\nfrom = "a/#"\n'

t.test('the whole table of the documentation is taken', async t => {
  const loaded = load(`
[bridges.cloud]
kind = "mqtt"
url = "mqtts://broker.example:8883"
version = "5"
client_id = "site-7"
username = "site-7"
password_file = "cloud.pass"
tls = { ca = "ca.pem", cert = "site.pem", key = "site.key", servername = "broker", insecure = false }
alpn = ["mqtt"]
keep_alive = "30s"
clean_start = false
[[bridges.cloud.out]]
from = "sensors/#"
to = "site-7/\${topic}"
qos = 1
envelope = "json"
[[bridges.cloud.in]]
from = "site-7/cmd/#"
to = "cmd/\${rest}"
qos = 1
[bridges.cloud.spool]
max_bytes = "1GiB"
max_age = "30d"
when_full = "drop-oldest"
order = "fifo"
qos0 = true
[bridges.cloud.pace]
messages_per_second = 0
burst = 100
`)
  t.same(loaded.faults, [])
  t.match(loaded.config?.bridges['cloud'], {
    kind: 'mqtt',
    url: { scheme: 'mqtts', host: 'broker.example', port: 8883 },
    password: 'geheim',
    tls: { ca: '/etc/t/ca.pem' },
    keep_alive: 30_000,
    spool: { max_bytes: 2 ** 30, max_age: 30 * 86_400_000 },
  })
})

t.test('faults are told with their place', async t => {
  const cases: [text: string, words: RegExp][] = [
    [`${HEAD.replace('mqtt://', 'unix://')}${ROUTE}`, /:3:\d+: bridges\.cloud\.url: .*not available yet/],
    [`${HEAD.replace('mqtt://', 'ws://')}alpn = ["x"]\n${ROUTE}`, /alpn: has no effect without TLS \(write wss/],
    [`${HEAD}proxy = "socks://proxy.example"\n${ROUTE}`, /proxy: must begin with "http/],
    [`${HEAD}proxy_username = "me"\n${ROUTE}`, /proxy_username: has no effect without a proxy/],
    [`${HEAD.replace('mqtt://', 'mqtts://')}tls = { psk_identity = "x" }\n${ROUTE}`, /psk_identity: has no key/],
    [`${HEAD.replace('mqtt://', 'mqtts://')}tls = { psk_identity = "x", psk = "xyz" }\n${ROUTE}`, /psk must be an even number/],
    [`${HEAD}${ROUTE}to = "x/\${rest"\n`, /:6:\d+: bridges\.cloud\.out\.0\.to: a placeholder has no end/],
    [`${HEAD}${ROUTE}to = "x/\${2}"\n`, /:6:\d+: bridges\.cloud\.out\.0\.to: .*no \+/],
    [`${HEAD}${ROUTE}to = "x/#"\n`, /out\.0\.to: .*no wildcards/],
    [`${HEAD}[[bridges.cloud.in]]\nfrom = "a#"\n`, /:5:\d+: bridges\.cloud\.in\.0\.from: .*#/],
    [`${HEAD}${ROUTE}${ROUTE}`, /out\.1\.from: a\/# stands in an earlier route/],
    [`${HEAD}[[bridges.cloud.out]]\nfrom = "$share/g/a"\n`, /out\.0\.from: .*\$share/],
    [`${HEAD}tls = { ca = "x" }\n${ROUTE}`, /:4:\d+: bridges\.cloud\.tls: has no effect without TLS/],
    [`${HEAD.replace('mqtt://', 'mqtts://')}tls = { cert = "x" }\n${ROUTE}`, /tls\.cert: has no key/],
    [`${HEAD}version = "3.1.1"\npassword_file = "cloud.pass"\n${ROUTE}`, /password.*no password without a user name/],
    [`${HEAD}${ROUTE}[bridges.cloud.spool]\norder = "newest-first"\n`, /spool\.order: "newest-first" is not available/],
    [`[bridges.cloud]\nkind = "aws-iot"\n`, /not available/],
  ]
  for (const [text, words] of cases) t.match(faults(text).join('\n'), words, text)
})

t.test('loops, and bridges without routes, are warned of', async t => {
  const loop = `${HEAD}[[bridges.cloud.out]]\nfrom = "a/#"\n[[bridges.cloud.in]]\nfrom = "a/+"\n`
  t.match(warnings(loop).join('\n'), /what goes up by a\/# comes back here as a\/\+/)
  t.ok(load(loop).config, 'a warning only')
  t.match(warnings(HEAD).join('\n'), /no routes/)
  t.same(warnings(`${HEAD}[[bridges.cloud.out]]\nfrom = "a/#"\nto = "up/\${topic}"\n[[bridges.cloud.in]]\nfrom = "down/#"\n`), [])
})
