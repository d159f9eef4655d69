import t from 'tap'
import { type Answerer, Stage } from './stage.ts'

const SOCKET = '/data/tidegate.sock'

/** A stage with a gateway whose users are in `passwords`. */
function running(): { stage: Stage; passwords: Map<string, string> } {
  const stage = new Stage()
  const passwords = new Map<string, string>()
  const answer: Answerer = (method, path, body) => {
    const [, name, isPassword] = /^\/api\/v1\/users(?:\/([^/?]+)(\/password)?)?/.exec(path) as unknown as [string, string?, string?]
    if (method === 'GET') {
      const data = Array.from(passwords.keys(), username => ({
        username,
        source: 'store',
        scram: true,
        created_at: '2027-01-01T00:00:00Z',
      }))
      return { status: 200, body: { data, meta: { page: 1, limit: 1000, count: data.length, has_next: false } } }
    }
    if (method === 'DELETE') return passwords.delete(decodeURIComponent(name as string)) ? { status: 204, body: undefined } : missing
    const { username = decodeURIComponent(name ?? ''), password } = body as { username?: string; password: string }
    if (isPassword && !passwords.has(username)) return missing
    passwords.set(username, password)
    return { status: isPassword ? 204 : 201, body: undefined }
  }
  stage.answering.set(SOCKET, answer)
  return { stage, passwords }
}

const missing = { status: 404, body: { message: 'there is no such user' } }

t.test('users of a running gateway are made, changed, listed and removed', async t => {
  const { stage, passwords } = running()
  stage.stdin.end('first\nnot this\n')
  t.equal(await stage.run('user', 'add', 'a/b', '--password-stdin', '--data-dir', '/data'), 0, stage.err.text)
  t.same([...passwords], [['a/b', 'first']])
  t.equal(stage.out.text, '')
  t.match(stage.err.text, /the user a\/b is made\n$/)
  const again = running()
  again.passwords.set('bob', 'x')
  again.stage.stdin.end('grüße\r\n')
  t.equal(await again.stage.run('user', 'passwd', 'bob', '--password-stdin', '--data-dir', '/data'), 0)
  t.equal(again.passwords.get('bob'), 'grüße')
  t.equal(await again.stage.run('user', 'ls', '--data-dir', '/data'), 0)
  t.match(again.stage.out.text, /^USER +KEPT IN +SCRAM +MADE\nbob +store +yes +14 d/)
  t.equal(await again.stage.run('user', 'rm', 'bob', '--data-dir', '/data'), 0)
  t.equal(again.passwords.size, 0)
  t.equal(await again.stage.run('user', 'rm', 'bob', '--data-dir', '/data'), 1)
  t.match(again.stage.err.text, /there is no such user/)
})

t.test('on a stopped gateway the store itself is changed', async t => {
  const stage = new Stage()
  stage.stdin.end('secret')
  t.equal(await stage.run('user', 'add', 'ann', '--password-stdin', '--data-dir', 'data'), 0, stage.err.text)
  t.same([...stage.stores.get('/somewhere/data')!], [['ann', 'secret']])
  t.equal(await stage.run('user', 'ls', '--json', '--data-dir', 'data'), 0)
  t.match(JSON.parse(stage.out.text), { data: [{ username: 'ann', source: 'store' }] })
})

t.test('without a place the store is looked for where it usually is, and nowhere made', async t => {
  const stage = new Stage()
  stage.folder = '/nowhere-at-all'
  t.equal(await stage.run('user', 'ls'), 1)
  t.match(stage.err.text, /no gateway answers, and there is no store at .*tidegate-data.*-c or --data-dir/)
  t.equal(await new Stage().run('user', 'ls', '--socket', '/x.sock'), 1, 'a socket that was named is the only place')
})

t.test('a prompt asks twice, shows nothing, and takes corrections', async t => {
  const cases: [typed: string, password: string | undefined][] = [
    ['secret\rsecret\r', 'secret'],
    ['secreX\u007ft\nsecret\n', 'secret'],
    ['wrong\u0015grü\rgrü\r', 'grü'],
    ['one\rtwo\r', undefined],
    ['\r', undefined],
    ['se\u0003', undefined],
  ]
  for (const [typed, password] of cases) {
    const { stage, passwords } = running()
    const raw: boolean[] = []
    Object.assign(stage.stdin, { isTTY: true, setRawMode: (on: boolean) => raw.push(on) })
    const ended = stage.run('user', 'add', 'ann', '--data-dir', '/data')
    for (const byte of Buffer.from(typed)) {
      stage.stdin.write(Buffer.of(byte))
      await new Promise(resolve => setImmediate(resolve))
    }
    t.equal(await ended, password === undefined ? 1 : 0, JSON.stringify(typed))
    t.equal(passwords.get('ann'), password)
    t.notMatch(stage.out.text + stage.err.text, /secret|grü|wrong|one/)
    t.equal(raw.at(-1), false, 'the terminal is as it was')
  }
})

t.test('wrong usage is told before anything is asked', async t => {
  const cases: [words: string[], complaint: RegExp][] = [
    [['user'], /ACTION is missing/],
    [['user', 'make', 'ann'], /"make" is none of add, passwd, rm, ls/],
    [['user', 'add'], /add wants the name of a user/],
    [['user', 'ls', 'ann'], /ls takes no name/],
    [['user', 'rm', 'ann', '--password-stdin'], /rm takes no password/],
    [['user', 'add', 'ann'], /there is no terminal to ask/],
    [['ban', 'add'], /add wants one of --client, --user and --address/],
    [['ban', 'add', '--client', 'a', '--user', 'b'], /wants one of/],
    [['ban', 'ls', '--user', 'b'], /ls takes no/],
    [['ban', 'lift'], /none of add, rm, ls/],
  ]
  for (const [words, complaint] of cases) {
    const stage = new Stage()
    t.equal(await stage.run(...words), 2, words.join(' '))
    t.match(stage.err.text, complaint)
    t.same(stage.asked, [])
  }
})

t.test('an empty password on standard input makes nobody', async t => {
  const { stage, passwords } = running()
  stage.stdin.end('\n')
  t.equal(await stage.run('user', 'add', 'ann', '--password-stdin', '--data-dir', '/data'), 1)
  t.equal(passwords.size, 0)
})

t.test('bans are made, listed and lifted', async t => {
  const stage = new Stage()
  const bodies: unknown[] = []
  stage.answering.set(SOCKET, (method, _path, body) => {
    if (method === 'POST') bodies.push(body)
    if (method !== 'GET') return { status: 204, body: undefined }
    const data = [
      { kind: 'address', value: '192.0.2.0/24', by: 'operator', reason: 'x\u001b[2J', remaining_seconds: 90 },
      { kind: 'client_id', value: 'dev', by: 'flapping', reason: '' },
    ]
    return { status: 200, body: { data, meta: { page: 1, limit: 1000, count: 2, has_next: false } } }
  })
  t.equal(await stage.run('ban', 'add', '--client', 'dev 1', '--for', '1h', '--reason', 'noisy', '--data-dir', '/data'), 0, stage.err.text)
  t.equal(await stage.run('ban', 'add', '--address', '192.0.2.0/24', '--data-dir', '/data'), 0)
  t.same(bodies, [
    { kind: 'client_id', value: 'dev 1', reason: 'noisy', seconds: 3600 },
    { kind: 'address', value: '192.0.2.0/24', reason: '' },
  ])
  t.equal(await stage.run('ban', 'rm', '--address', '192.0.2.0/24', '--data-dir', '/data'), 0)
  t.equal(stage.asked.at(-1), `${SOCKET} DELETE /api/v1/bans/address/192.0.2.0%2F24`)
  t.equal(await stage.run('ban', 'ls', '--data-dir', '/data'), 0)
  t.match(stage.out.text, /^KIND .*\naddress +192\.0\.2\.0\/24 +operator +1 min 30 s +x\\u001b\[2J\nclient +dev +flapping +ever +-/)
})
