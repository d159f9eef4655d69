/** The life of the package on a machine: installed, upgraded, removed, purged, as Debian's users expect it. */
import t from 'tap'
import { eventually } from '../support/eventually.ts'
import { asVersion, packageOf } from './debs.ts'
import { Machine } from './machine.ts'
import { machineTree } from './machine-tree.ts'

const UNIT = 'tidegate.service'
const CONFIG = '/etc/tidegate/tidegate.toml'
const SOON_MS = 60_000
const LIFE_TIMEOUT_MS = 400_000
t.setTimeout(LIFE_TIMEOUT_MS + 100_000)

t.test('the package from its installation to its purge', { timeout: LIFE_TIMEOUT_MS }, async t => {
  const file = packageOf(t, process.arch as 'x64' | 'arm64')
  const tree = file === undefined ? undefined : machineTree(t)
  if (file === undefined || tree === undefined) return
  const machine = await Machine.boot(t, tree)
  machine.copy(file, '/root/first.deb')
  machine.copy(asVersion(t, file, '99.0.0'), '/root/second.deb')
  const property = async (name: string) => (await machine.show(UNIT, name))[name]!
  const isEnabled = async () => (await machine.run('systemctl', 'is-enabled', UNIT)).stdout.trim()
  const dpkg = async (...words: string[]) => {
    const { code, stdout, stderr } = await machine.run('dpkg', ...words)
    t.equal(code, 0, `dpkg ${words.join(' ')}: ${stdout}${stderr}`)
  }

  await t.test('installed, it is enabled and up, and takes a first message', async t => {
    await dpkg('--install', '/root/first.deb')
    t.equal(await isEnabled(), 'enabled')
    t.equal(await property('ActiveState'), 'active')
    await machine.shell('tidegate sub -i desk -c -q 1 -t "sensors/#" -W 1s || true')
    await machine.shell('tidegate pub -t sensors/door -q 1 -m open && tidegate pub -t sensors/sign -q 1 -r -m kept')
  })

  await t.test('an upgrade runs the new version, with the configuration and the messages of the old', async t => {
    machine.write(CONFIG, `${machine.read(CONFIG)}\n[limits]\nkeep_alive_max = "90s"\n`)
    const before = await property('MainPID')
    await dpkg('--install', '/root/second.deb')
    t.equal(await property('ActiveState'), 'active')
    t.not(await property('MainPID'), before, 'started anew')
    t.match(machine.read(CONFIG), /keep_alive_max = "90s"/)
    t.equal(await machine.shell('tidegate sub -i desk -c -q 1 -t "sensors/#" -C 2 -W 20s'), 'open\nkept\n')
  })

  await t.test('what somebody has stopped or disabled stays so over an upgrade', async t => {
    await machine.shell(`systemctl stop ${UNIT}`)
    await dpkg('--install', '/root/first.deb')
    t.equal(await property('ActiveState'), 'inactive')
    await machine.shell(`systemctl disable ${UNIT}`)
    await dpkg('--install', '/root/second.deb')
    t.equal(await isEnabled(), 'disabled')
    await machine.shell(`systemctl enable --now ${UNIT}`)
  })

  await t.test('an upgrade mends a service that could not run', async t => {
    const right = machine.read(CONFIG)
    machine.write(CONFIG, 'bogus = 1\n')
    await machine.run('timeout', '3', 'systemctl', 'restart', UNIT)
    t.not(await property('ActiveState'), 'active')
    machine.write(CONFIG, right)
    await dpkg('--install', '/root/second.deb')
    await eventually('it is up', async () => (await property('ActiveState')) === 'active', SOON_MS)
  })

  await t.test('removed, it is stopped, and configuration, data and user stay', async t => {
    await dpkg('--remove', 'tidegate')
    t.notOk(machine.has('/usr/bin/tidegate'))
    t.equal((await machine.run('pgrep', '-u', 'tidegate')).stdout, '')
    t.match(machine.read(CONFIG), /keep_alive_max = "90s"/)
    t.ok(machine.has('/var/lib/tidegate/tidegate.db'))
    t.notOk(machine.has('/run/tidegate'))
    t.equal(await property('LoadState'), 'not-found')
  })

  await t.test('installed again it goes on where it was', async t => {
    await dpkg('--install', '/root/first.deb')
    t.equal(await isEnabled(), 'enabled')
    t.equal(await property('ActiveState'), 'active')
    t.equal(await machine.shell('tidegate sub -t sensors/sign -C 1 -W 20s'), 'kept\n', 'retained')
  })

  await t.test('purged, nothing is left but the user', async t => {
    await dpkg('--purge', 'tidegate')
    const left = await machine.shell("find / -xdev -name '*tidegate*' -not -path '/proc/*' -not -path '/sys/*' -not -path '/root/*'")
    t.strictSame(
      left.split('\n').filter(path => path !== '' && !path.startsWith('/tmp/') && !path.startsWith('/var/tmp/')),
      [],
    )
    t.match(await machine.shell('getent passwd tidegate'), /^tidegate:/)
    t.equal((await machine.run('dpkg', '--status', 'tidegate')).code, 1)
  })

  await t.test('on a machine without a running systemd the installation goes through, for the next boot', async t => {
    // As in a chroot, where an image is made.
    await machine.shell('unshare --mount sh -c "mount -t tmpfs tmpfs /run && dpkg --install /root/first.deb"')
    t.equal(await isEnabled(), 'enabled')
    t.notOk(machine.has('/run/tidegate'))
    await dpkg('--purge', 'tidegate')
  })
})
