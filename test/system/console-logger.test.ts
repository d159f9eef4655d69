import t from 'tap'
import { GatewayError } from '#base/errors.ts'
import type { LogLevel } from '#base/logger.ts'
import { type ConsoleLoggerOptions, consoleLogger } from '#system/console-logger.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function captured(options: Partial<ConsoleLoggerOptions> = {}) {
  const written: string[] = []
  const write = (bytes: Buffer) => {
    written.push(String(bytes))
    return bytes.length
  }
  const logger = consoleLogger({
    clock: new VirtualClock(1, Date.UTC(2026, 10, 21, 9, 30, 15, 7)),
    format: 'json',
    colours: false,
    write,
    ...options,
  })
  return { logger, lines: () => written.join('').split('\n').slice(0, -1), objects: () => written.map(line => JSON.parse(line)) }
}

t.test('a JSON line has time, level and message first, then its fields', async t => {
  const { logger, lines } = captured()
  logger.child({ listener: 'local' }).warn('slow down', { client: 'a', bytes: 12 })
  t.strictSame(lines(), ['{"time":"2026-11-21T09:30:15.007Z","level":"warn","msg":"slow down","listener":"local","client":"a","bytes":12}'])
})

t.test('levels below the least are not written, and it can be changed for children too', async t => {
  const { logger, objects } = captured()
  const child = logger.child({ part: 'x' })
  const all = () => {
    for (const level of ['debug', 'info', 'warn', 'error'] satisfies LogLevel[]) child[level](level)
  }
  all()
  logger.setLevel('error')
  all()
  logger.setLevel('debug')
  all()
  t.strictSame(
    objects().map(line => line.msg),
    ['info', 'warn', 'error', 'error', 'debug', 'info', 'warn', 'error'],
  )
  t.ok(child.enabled('debug'))
  logger.setLevel('warn')
  t.notOk(child.enabled('info'))
})

t.test('an error shows its message, code, hint and cause', async t => {
  const { logger, objects, lines } = captured()
  const cause = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' })
  const error = new GatewayError('address-in-use', 'port 1883 is taken', { cause, hint: 'stop that program' })
  logger.error('no listener', { error })
  t.strictSame(objects()[0].error, {
    message: 'port 1883 is taken',
    code: 'address-in-use',
    hint: 'stop that program',
    cause: { message: 'listen EADDRINUSE', code: 'EADDRINUSE' },
  })
  t.notMatch(lines()[0], /stack/)
  const human = captured({ format: 'human' })
  human.logger.error('no listener', { error: new GatewayError('address-in-use', 'port taken', { hint: 'stop it' }) })
  t.match(human.lines()[0], /no listener error="port taken" error\.code=address-in-use error\.hint="stop it"$/)
})

t.test('at the debug level errors show where they came from', async t => {
  const { logger, objects } = captured({ level: 'debug' })
  logger.error('odd', { error: new TypeError('x is undefined') })
  t.match(objects()[0].error.stack, /console-logger\.test/)
})

t.test('a human line has local time, level, message and key=value', async t => {
  const { logger, lines } = captured({ format: 'human' })
  logger.info('client connected', {
    client: 'a b',
    address: '[::1]:1',
    count: 3,
    tls: false,
    list: [1, 2],
    gone: undefined,
    nothing: null,
    limits: { bytes: 5 },
  })
  t.match(
    lines()[0],
    /^\d\d:30:15\.007 info {2}client connected client="a b" address=\[::1\]:1 count=3 tls=false list=\[1,2\] nothing=null limits\.bytes=5$/,
  )
})

t.test('colours come and go', async t => {
  const coloured = captured({ format: 'human', colours: true })
  coloured.logger.warn('x', { a: 1 })
  t.ok(coloured.lines()[0]?.includes('\x1b[33mwarn \x1b[0m'))
  const plain = captured({ format: 'human' })
  plain.logger.warn('x', { a: 1 })
  t.notOk(plain.lines()[0]?.includes('\x1b'))
})

t.test('what a client named itself cannot write to the terminal or fake a line', async t => {
  const client = 'a\nb\x1b[31m\u009b2J\u202e"='
  const { logger, lines } = captured({ format: 'human' })
  logger.info(`hello ${client}`, { client, [client]: client })
  t.equal(lines().length, 1)
  t.notMatch(lines()[0], /[\u0000-\u001f\u007f-\u009f\u202e]/)
  const json = captured()
  json.logger.info('hello', { client })
  t.equal(json.objects()[0].client, client)
  t.equal(json.lines().length, 1)
})

t.test('any value can be logged', async t => {
  const { logger, objects } = captured()
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  logger.info('values', {
    big: 12n,
    bytes: Buffer.from('\x01\xff', 'latin1'),
    circular,
    infinite: Number.POSITIVE_INFINITY,
    date: new Date(Number.NaN),
    map: new Map([['k', 'v']]),
    set: new Set([1]),
    fn: () => 1,
    long: 'x'.repeat(5000),
    msg: 'kept',
    thrown: 'text',
  })
  t.match(objects()[0], {
    msg: 'values',
    msg_: 'kept',
    big: '12',
    bytes: '01ff',
    infinite: 'Infinity',
    date: 'invalid date',
    map: { k: 'v' },
    set: [1],
  })
  t.ok(objects()[0].long.length < 1100)
})
