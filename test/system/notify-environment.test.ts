import t from 'tap'
import { takeServiceEnvironment } from '#system/notify-environment.ts'

const PID = 7
const take = (environment: NodeJS.ProcessEnv) => takeServiceEnvironment(environment, PID)

t.test('all that is meant for this process is taken out of the environment, the rest stays', async t => {
  const environment: NodeJS.ProcessEnv = {
    NOTIFY_SOCKET: '/run/systemd/notify',
    WATCHDOG_USEC: '30000000',
    WATCHDOG_PID: '7',
    LISTEN_PID: '7',
    LISTEN_FDS: '2',
    LISTEN_FDNAMES: 'web:notify',
    PATH: '/bin',
  }
  t.strictSame(take(environment), { address: '/run/systemd/notify', descriptor: 4, watchdogMs: 15_000 })
  t.strictSame(environment, { PATH: '/bin' }, 'a child process must not speak in our name')
  t.strictSame(take(environment), { address: undefined, descriptor: undefined, watchdogMs: undefined })
})

t.test('what is meant for another process, or is empty, does not count', async t => {
  t.equal(take({ NOTIFY_SOCKET: '' }).address, undefined)
  t.equal(take({ LISTEN_PID: '8', LISTEN_FDNAMES: 'notify' }).descriptor, undefined)
  t.equal(take({ LISTEN_PID: '7', LISTEN_FDNAMES: 'web' }).descriptor, undefined)
  t.equal(take({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }).watchdogMs, undefined)
})

t.test('a sign of life is due at half of what the manager waits for', async t => {
  const watchdogMs = (usec: string) => take({ WATCHDOG_USEC: usec }).watchdogMs
  t.equal(watchdogMs('30000000'), 15_000)
  t.equal(watchdogMs('1'), 1)
  t.equal(watchdogMs('999999999999999999'), 2 ** 31 - 1)
  for (const usec of ['0', '', '-5', 'soon', '1e9']) t.equal(watchdogMs(usec), undefined, usec)
})
