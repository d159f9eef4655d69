/** The package's service under a real systemd. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../support/eventually.ts'
import { peer } from '../support/peers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { packageOf } from './debs.ts'
import { holdThread } from './held-thread.ts'
import { Machine } from './machine.ts'
import { machineTree } from './machine-tree.ts'
import { ROOT } from './release.ts'

const HERE = process.arch as 'x64' | 'arm64'
const UNIT = 'tidegate.service'
const CONFIG = '/etc/tidegate/tidegate.toml'
/** Generous: what is waited for comes much sooner. */
const SOON_MS = 60_000
const SERVICE_TIMEOUT_MS = 500_000
t.setTimeout(SERVICE_TIMEOUT_MS + 100_000)

/** Whether a client is served: an exchange over MQTT. */
const ANSWERS = 'tidegate pub -t probe -m x -q 1'

t.test('the service on a machine of its own', { timeout: SERVICE_TIMEOUT_MS }, async t => {
  const file = packageOf(t, HERE)
  const gcc = peer(t, 'gcc')
  const tree = file === undefined || gcc === undefined ? undefined : machineTree(t)
  if (file === undefined || tree === undefined) return
  const machine = await Machine.boot(t, tree)
  machine.copy(file, '/root/tidegate.deb')
  const journal = () => machine.shell(`journalctl --unit ${UNIT} --output cat --no-pager`)
  const state = () => machine.show(UNIT, 'ActiveState', 'SubState', 'MainPID', 'NRestarts', 'Result', 'StatusText', 'Type', 'WatchdogUSec')
  const becomes = (wanted: string) => eventually(`the service is ${wanted}`, async () => (await state()).ActiveState === wanted, SOON_MS)
  /** Replaces the configuration, with the places that the package gives it. */
  const configure = (more: string) => machine.write(CONFIG, `${config}\n${more}`)

  await machine.shell('dpkg --install /root/tidegate.deb')
  const config = machine.read(CONFIG)

  await t.test('installed, it is up and answers, as its own user, and says how it is in one line', async t => {
    const { ActiveState, Type, StatusText, MainPID } = await state()
    t.equal(ActiveState, 'active', 'dpkg has returned when it is ready')
    t.equal(Type, 'notify-reload', 'this systemd knows it')
    t.equal(StatusText, '0 clients; 0 messages wait')
    t.notMatch(await journal(), /cannot be told|told another way|cannot be loaded/, 'by the best of its ways')
    t.notMatch(await machine.shell('journalctl --boot'), /Got notification message from PID/, 'nobody else speaks in its name')
    await machine.shell(ANSWERS)
    const [user] = (await machine.shell(`ps -o user=,group= -p ${MainPID}`)).trim().split(/\s+/)
    t.equal(user, 'tidegate')
    t.match(await machine.shell('tidegate status'), /ready/)
    t.match(
      await machine.shell('stat -c "%a %U %G" /run/tidegate/tidegate.sock /var/lib/tidegate /etc/tidegate'),
      ['660 tidegate tidegate\n750 tidegate tidegate\n750 root tidegate\n'].join(''),
    )
  })

  await t.test('members of its group may command it, others are told why they may not', async t => {
    await machine.shell('useradd --groups tidegate installer && useradd stranger')
    t.match(await machine.shell('su installer -c "tidegate clients"'), '')
    const { code, stderr } = await machine.run('su', 'stranger', '-c', 'tidegate status')
    t.equal(code, 1)
    t.match(stderr, /^tidegate status: .*tidegate\.sock/)
  })

  await t.test('it is not ready as long as one of its listeners cannot answer', async t => {
    await machine.shell(`systemctl stop ${UNIT}`)
    const listeners = (second: number) =>
      `[listeners.one]\nprotocol = "mqtt"\nbind = "127.0.0.1:2883"\n[listeners.two]\nprotocol = "mqtt"\nbind = "127.0.0.1:${second}"\n`
    await machine.shell(
      'systemd-run --unit occupant --property Type=exec tidegate run --data-dir /var/tmp/occupant --set admin.bind=off --set listeners.local.bind=127.0.0.1:3883',
    )
    const occupied = async () => (await machine.run('tidegate', 'pub', '-p', '3883', '-t', 'x', '-m', 'x')).code === 0
    await eventually('the port is taken', occupied, SOON_MS)
    configure(listeners(3883))
    const { code } = await machine.run('timeout', '5', 'systemctl', 'start', UNIT)
    t.not(code, 0)
    t.not((await state()).ActiveState, 'active')
    t.match(await journal(), /port 3883 on 127\.0\.0\.1 is taken/)
    await machine.shell('systemctl stop occupant')
    await becomes('active')
    await machine.shell('tidegate pub -p 3883 -t x -m x')
    configure('')
    await machine.shell(`systemctl restart ${UNIT}`)
  })

  await t.test('a reload takes hold before systemctl returns, and a wrong one fails and changes nothing', async t => {
    const before = await state()
    configure('[bridges.cloud]\nkind = "mqtt"\nurl = "mqtt://127.0.0.1:9"\n[[bridges.cloud.out]]\nfrom = "up/#"\nto = "${topic}"\n')
    await machine.shell(`systemctl reload ${UNIT}`)
    t.match(await machine.shell('tidegate bridges'), /cloud/)
    t.match((await state()).StatusText, /^0 clients; 0 of 1 bridges connected; 0 messages wait$/)
    configure('bogus = 1\n')
    t.not((await machine.run('systemctl', 'reload', UNIT)).code, 0)
    t.match(await journal(), /\/etc\/tidegate\/tidegate\.toml:\d+:1: \S*bogus: unknown key/)
    await eventually('the line of state tells', async () => /the running one stays/.test((await state()).StatusText), SOON_MS)
    t.match(await machine.shell('tidegate bridges'), /cloud/)
    configure('')
    await machine.shell(`systemctl reload ${UNIT}`)
    const after = await state()
    t.equal(after.StatusText, '0 clients; 0 messages wait')
    t.equal(after.MainPID, before.MainPID)
    t.equal(after.ActiveState, 'active')
  })

  await t.test('systemd ends and starts it when the event loop hangs, and when the store hangs', async t => {
    machine.write(`/run/systemd/system/${UNIT}.d/quick.conf`, '[Service]\nWatchdogSec=2s\nTimeoutAbortSec=5s\n')
    await machine.shell(`systemctl daemon-reload && systemctl restart ${UNIT}`)
    for (const thread of ['MainThread', 'store']) {
      const before = await state()
      t.equal(before.WatchdogUSec, '2s')
      const held = await holdThread(t, await machine.outerPid(before.MainPID), thread)
      const isAnew = async () => {
        const { ActiveState, MainPID } = await state()
        return ActiveState === 'active' && MainPID !== before.MainPID
      }
      await eventually(`a gateway with a hanging ${thread} is replaced`, isAnew, SOON_MS)
      await held.gone
      await machine.shell(ANSWERS)
    }
    const said = await journal()
    t.equal(said.match(/Watchdog timeout/g)?.length, 2)
    t.match(said, /the store's worker does not answer/)
    const before = await state()
    const beats = async () => (await machine.show(UNIT, 'WatchdogTimestampMonotonic')).WatchdogTimestampMonotonic
    const first = await beats()
    await eventually('signs of life go on', async () => Number(await beats()) - Number(first) > 3_000_000, SOON_MS)
    t.equal((await state()).MainPID, before.MainPID, 'one that works is left alone')
    await machine.shell(`rm -r /run/systemd/system/${UNIT}.d && systemctl daemon-reload`)
  })

  await t.test("where systemd's socket cannot be reached, the descriptor that systemd has opened is the way", async t => {
    machine.write(`/run/systemd/system/${UNIT}.d/hidden.conf`, '[Service]\nInaccessiblePaths=/run/systemd/notify\nWatchdogSec=4s\n')
    const before = (await journal()).length
    await machine.shell(`systemctl daemon-reload && systemctl restart ${UNIT}`)
    t.match((await journal()).slice(before), /told another way.* instead="?open file/)
    const { MainPID, StatusText } = await state()
    t.equal(StatusText, '0 clients; 0 messages wait')
    await machine.shell(`systemctl reload ${UNIT}`)
    const beat = async () => Number((await machine.show(UNIT, 'WatchdogTimestampMonotonic')).WatchdogTimestampMonotonic)
    const first = await beat()
    await eventually('signs of life go that way', async () => (await beat()) > first, SOON_MS)
    t.equal((await state()).MainPID, MainPID)
    await machine.shell(`rm -r /run/systemd/system/${UNIT}.d && systemctl daemon-reload && systemctl restart ${UNIT}`)
  })

  await t.test('killed, it is started again, sooner at first and then later and later', async t => {
    const before = await state()
    await machine.shell(`systemctl kill --signal=KILL ${UNIT}`)
    const isAnew = async () => (await state()).ActiveState === 'active' && (await state()).MainPID !== before.MainPID
    await eventually('it is there again', isAnew, SOON_MS)
    t.match(await machine.show(UNIT, 'RestartUSec', 'RestartSteps', 'RestartMaxDelayUSec', 'StartLimitIntervalUSec'), {
      RestartUSec: '1s',
      RestartSteps: '6',
      RestartMaxDelayUSec: '1min',
      StartLimitIntervalUSec: '0',
    })
  })

  await t.test('it stops in time with its queues on disk: what was acknowledged comes after the next start', async t => {
    await machine.shell('tidegate sub -i desk -c -q 1 -t "flow/#" -W 1s || true')
    // Many, and still coming when the stop begins: pub ends with the connection.
    await machine.shell('seq 200000 > /var/tmp/lines')
    await machine.shell("systemd-run --unit flow --property Type=exec sh -c 'tidegate pub -t flow/a -q 1 -l < /var/tmp/lines'")
    const queued = async () => JSON.parse(await machine.shell('tidegate status --json')).queued as number
    await eventually('messages wait', async () => (await queued()) > 500, SOON_MS)
    const before = (await journal()).length
    await machine.shell(`systemctl stop ${UNIT}`)
    const { ActiveState, Result } = await state()
    t.equal(ActiveState, 'inactive')
    t.equal(Result, 'success', 'not killed at the time-out')
    const said = (await journal()).slice(before)
    t.match(said, /stopping/)
    t.notMatch(said, /did not stop in time|Killing|timed out/)
    await machine.shell(`systemctl start ${UNIT}`)
    const waiting = await queued()
    t.ok(waiting > 500, `${waiting} messages wait`)
    const got = (await machine.shell(`tidegate sub -i desk -c -q 1 -t "flow/#" -C ${waiting} -W 60s`)).trim().split('\n').map(Number)
    t.strictSame(
      got,
      Array.from({ length: waiting }, (_, index) => index + 1),
      'all of them, in order, none twice',
    )
  })

  await t.test('its sandbox is tight, and systemd finds no fault with its files', async t => {
    const exposure = /Overall exposure level .*: ([\d.]+)/.exec(await machine.shell(`systemd-analyze security --no-pager ${UNIT}`))
    t.ok(Number(exposure?.[1]) <= 2, `exposure ${exposure?.[1]}`)
    const { code, stdout, stderr } = await machine.run('systemd-analyze', 'verify', '--man=yes', UNIT)
    t.strictSame([code, stdout, stderr], [0, '', ''])
    await machine.shell('udevadm verify /usr/lib/udev/rules.d/61-tidegate-serial.rules')
    t.match(await machine.shell('getent group dialout'), /tidegate/)
    t.match(await machine.shell('man tidegate && man tidegate.toml'), /TIDEGATE\.TOML\(5\)/i)
    t.equal(
      await machine.shell(`bash -ic 'source /usr/share/bash-completion/completions/tidegate && complete -p tidegate' 2> /dev/null`),
      'complete -F _tidegate tidegate\n',
    )
  })
})

t.test('the generator puts those drop-ins in force that the running systemd knows', async t => {
  const folder = temporaryFolder(t)
  const inForce = (version: string) => {
    const bin = join(folder, `bin-${version}`)
    const out = join(folder, `out-${version}`)
    for (const each of [bin, out]) mkdirSync(each)
    writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\necho 'systemd ${version}'\necho '+PAM +AUDIT'\n`)
    chmodSync(join(bin, 'systemctl'), 0o755)
    const env = { PATH: `${bin}:${process.env['PATH']}`, TIDEGATE_DROP_INS: join(ROOT, 'systemd/drop-ins') }
    execFileSync(join(ROOT, 'systemd/tidegate-generator'), [out, out, out], { env })
    const made = join(out, 'tidegate.service.d')
    return readdirSync(out).length === 0 ? [] : readdirSync(made).map(name => readlinkSync(join(made, name)))
  }
  const [reload, steps] = ['253-notify-reload.conf', '254-restart-steps.conf'].map(name => join(ROOT, 'systemd/drop-ins', name))
  t.strictSame(inForce('252 (252.39-1~deb12u2)'), [])
  t.strictSame(inForce('253'), [reload])
  t.strictSame(inForce('257 (257.13-1~deb13u1)').sort(), [reload, steps])
  t.strictSame(inForce('260~rc1').sort(), [reload, steps])
  t.strictSame(inForce('unheard of'), [])
})

t.test("the unit has no word that this machine's systemd does not know", async t => {
  const analyze = peer(t, 'systemd-analyze')
  if (analyze === undefined) return
  const file = join(temporaryFolder(t), UNIT)
  const text = readFileSync(join(ROOT, 'systemd', UNIT), 'utf8')
  // Of the machine it knows neither the program nor its pages.
  writeFileSync(file, text.replaceAll(/^Documentation=.*\n/gm, '').replaceAll(/=\/usr\/bin\/tidegate .*/g, '=/bin/true'))
  t.doesNotThrow(() => execFileSync(analyze, ['verify', file], { stdio: ['ignore', 'pipe', 'pipe'] }))
  t.equal(String(execFileSync('sh', ['-c', `"${analyze}" verify "${file}" 2>&1`])), '')
})
