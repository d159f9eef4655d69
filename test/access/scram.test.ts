import t from 'tap'
import { deriveScramKeys, ScramExchange, type ScramHost } from '#access/scram.ts'
import type { Identity, ScramKeys } from '#broker/ports.ts'
import { ScramClient } from '../support/scram-client.ts'

const SALT = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')

async function host(users: Record<string, string> = { user: 'pencil' }): Promise<ScramHost & { failures: number; admitted: string[] }> {
  const keys = new Map<string, ScramKeys>()
  for (const [name, password] of Object.entries(users)) keys.set(name, await deriveScramKeys(password, SALT, 4096))
  const admitted: string[] = []
  const self = {
    failures: 0,
    admitted,
    keysOf: (username: string) => keys.get(username),
    admit(username: string): Identity {
      admitted.push(username)
      return { clientId: 'c', protocol: 'mqtt', username, address: undefined, anonymous: false, internal: false }
    },
    async failed() {
      self.failures++
    },
    randomBytes: (count: number) => new Uint8Array(count).fill(7),
    decoySecret: Buffer.from('secret'),
    decoyIterations: 4096,
  }
  return self
}

const bytes = (text: string) => Buffer.from(text)
const text = (data: Uint8Array | undefined) => Buffer.from(data ?? []).toString()

t.test('the exchange of RFC 7677 §3 comes out byte for byte', async t => {
  const exchange = new ScramExchange(await host(), '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0')
  const first = await exchange.next(bytes('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'))
  t.equal(text(first.data), 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')
  const last = await exchange.next(
    bytes('c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='),
  )
  t.equal(text(last.data), 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
  t.equal(last.identity?.username, 'user')
})

t.test('names with commas, equals signs and other scripts are told apart as they were meant', async t => {
  const users = { 'a,b=c': 'one', Ⅸ: 'two', IX: 'three', 'mü\u00adller': 'no', müller: 'four' }
  const known = await host(users)
  for (const [name, password, expected] of [
    ['a,b=c', 'one', 'a,b=c'],
    ['Ⅸ', 'three', 'IX'],
    ['mü\u00adller', 'four', 'müller'],
  ] as const) {
    const client = new ScramClient(name, password)
    const exchange = new ScramExchange(known)
    const first = await exchange.next(bytes(client.first))
    const last = await exchange.next(bytes(client.final(text(first.data))))
    t.equal(last.identity?.username, expected)
    t.ok(client.believes(text(last.data)))
  }
})

t.test('a client that names its method alone is asked for its first message', async t => {
  const exchange = new ScramExchange(await host())
  const empty = await exchange.next(undefined)
  t.equal(empty.data?.length, 0)
  const client = new ScramClient('user', 'pencil')
  const first = await exchange.next(bytes(client.first))
  t.ok((await exchange.next(bytes(client.final(text(first.data))))).identity)
})

t.test('a wrong password and an unknown name fail alike, at the last step', async t => {
  const known = await host()
  const salts: string[] = []
  for (const name of ['user', 'nobody', 'nobody']) {
    const client = new ScramClient(name, 'wrong')
    const exchange = new ScramExchange(known)
    const first = await exchange.next(bytes(client.first))
    salts.push(text(first.data).split(',')[1])
    await t.rejects(exchange.next(bytes(client.final(text(first.data)))), { code: 'bad-credentials', reason: 0x87 })
  }
  t.equal(salts[1], salts[2], 'an unknown name has the same salt each time')
  t.not(salts[0], salts[1])
  t.equal(known.failures, 3)
  t.same(known.admitted, [])
})

t.test('what is no message of the exchange fails it', async t => {
  const firsts = [
    '',
    'x',
    'p=tls-unique,,n=user,r=abc',
    'n,,m=ext,n=user,r=abc',
    'n,,n=user',
    'n,,n=us=er,r=abc',
    'n,,n=,r=abc',
    'n,a=other,n=user,r=abc',
    'n,,n=user,r=a b',
  ]
  for (const first of [...firsts, 'n,,n=us\u0007er,r=abc', `n,,n=user,r=${'x'.repeat(5000)}`]) {
    await t.rejects(new ScramExchange(await host()).next(bytes(first)), { code: 'bad-credentials' }, first.slice(0, 40))
  }
  await t.rejects(new ScramExchange(await host()).next(Uint8Array.of(0xff)), { code: 'bad-credentials' })
  const finals = [
    (good: string) => good.replace('c=biws', 'c=eSws'),
    (good: string) => good.replace(/r=[^,]*/, 'r=other'),
    (good: string) => good.replace(/p=.*/, 'p=AAAA'),
    (good: string) => good.replace(/,p=.*/, ''),
    () => '',
  ]
  for (const spoil of finals) {
    const client = new ScramClient('user', 'pencil')
    const exchange = new ScramExchange(await host())
    const first = await exchange.next(bytes(client.first))
    await t.rejects(exchange.next(bytes(spoil(client.final(text(first.data))))), { code: 'bad-credentials' }, String(spoil))
  }
  const exchange = new ScramExchange(await host())
  await exchange.next(bytes(new ScramClient('user', 'pencil').first))
  await t.rejects(exchange.next(undefined), { code: 'bad-credentials' })
})

t.test('acting for oneself and refusing channel binding are both allowed', async t => {
  const exchange = new ScramExchange(await host())
  t.match(text((await exchange.next(bytes('y,a=user,n=user,r=abc'))).data), /^r=abc/)
})
