import { spawnSync } from 'node:child_process'
import { argon2Sync, createHash, pbkdf2Sync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { hashPassword, parseHash } from '#access/password-hash.ts'
import { describeFaults, parseUsersFile } from '#access/users-file.ts'
import { peer } from '../support/peers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const SALT = Buffer.from('0123456789ab')
/** As mosquitto_passwd 2.0 writes them, and as 1.6 did. */
const PBKDF2 = `$7$101$${SALT.toString('base64')}$${pbkdf2Sync('secret', SALT, 101, 64, 'sha512').toString('base64')}`
const SHA512 = `$6$${SALT.toString('base64')}$${createHash('sha512').update('secret').update(SALT).digest('base64')}`

const bytes = (text: string) => Buffer.from(text)

t.test('a password is kept as a salted slow hash that it alone fits', async t => {
  const hash = await hashPassword(bytes('secret'), Buffer.alloc(16, 7))
  t.match(hash.text, /^\$scrypt\$ln=14,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  const read = parseHash(hash.text)
  if (typeof read === 'string') throw new Error(read)
  t.equal(await read.verify(bytes('secret')), true)
  t.equal(await read.verify(bytes('secret ')), false)
  t.not((await hashPassword(bytes('secret'), Buffer.alloc(16, 8))).text, hash.text)
})

t.test('hashes of known passwords are understood in every form', async t => {
  const known: [password: string, hash: string][] = [
    ['secret', PBKDF2],
    ['secret', SHA512],
  ]
  for (const [password, text] of known) {
    const hash = parseHash(text)
    if (typeof hash === 'string') throw new Error(hash)
    t.equal(await hash.verify(bytes(password)), true, text.slice(0, 12))
    t.equal(await hash.verify(bytes('other')), false)
  }
})

t.test('Argon2id in its usual form, which mosquitto_passwd 2.1 writes', async t => {
  const nonce = Buffer.from('somesaltsomesalt')
  const key = argon2Sync('argon2id', { message: bytes('password'), nonce, parallelism: 1, tagLength: 32, memory: 256, passes: 2 })
  const text = `$argon2id$v=19$m=256,t=2,p=1$${nonce.toString('base64').replaceAll('=', '')}$${key.toString('base64').replaceAll('=', '')}`
  const hash = parseHash(text)
  if (typeof hash === 'string') throw new Error(hash)
  t.equal(await hash.verify(bytes('password')), true)
  t.equal(await hash.verify(bytes('passwort')), false)
})

t.test('what is no hash, or one that would cost too much, is refused with the reason', async t => {
  const cases: [text: string, complaint: RegExp][] = [
    ['secret', /no hash/],
    ['', /no hash/],
    ['$1$abc$def', /\$1\$ are not known/],
    ['$scrypt$ln=14,r=8,p=1$c2FsdA$a2V5', /malformed/],
    ['$scrypt$ln=30,r=8,p=1$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5', /more memory or time/],
    ['$scrypt$ln=14,r=8$x$y', /malformed/],
    ['$7$0$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5', /malformed/],
    ['$7$999999999$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5', /more memory or time/],
    ['$7$101$c2Fs dHNh$a2V5', /malformed/],
    ['$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5', /more memory or time/],
    ['$argon2id$v=16$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5', /malformed/],
  ]
  for (const [text, complaint] of cases) t.match(parseHash(text), complaint, text)
})

t.test('a users file is read line by line, and each fault has its line', async t => {
  const text = `\ufeff# site 7\r\nann:${SHA512}\r\n\n  \nbob:${PBKDF2}\nplain:secret\nnobody\n:${SHA512}\nann:${SHA512}\nlast:${PBKDF2}`
  const { users, faults } = parseUsersFile(text)
  t.same([...users.keys()], ['ann', 'bob', 'last'])
  t.same(
    faults.map(({ line }) => line),
    [6, 7, 8, 9],
  )
  t.match(describeFaults('users.txt', faults), /^users\.txt:6: this is no hash.*, and 3 more$/)
  t.notMatch(describeFaults('users.txt', faults), /secret/, 'what may be a password is not shown')
})

t.test('the files that mosquitto_passwd writes work as they are', async t => {
  const program = peer(t, 'mosquitto_passwd')
  if (program === undefined) return
  const file = join(temporaryFolder(t), 'users.txt')
  writeFileSync(file, '')
  for (const [user, password] of [
    ['ann', 'first'],
    ['bob', 'grüße'],
  ]) {
    t.equal(spawnSync(program, ['-b', file, user, password]).status, 0)
  }
  const { users, faults } = parseUsersFile(readFileSync(file, 'utf8'))
  t.same(faults, [])
  t.equal(await users.get('ann')?.hash.verify(bytes('first')), true)
  t.equal(await users.get('ann')?.hash.verify(bytes('second')), false)
  t.equal(await users.get('bob')?.hash.verify(bytes('grüße')), true)
})
