/** What is in the packages, and that the same release makes the same. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { buildDebs } from '../../scripts/package/deb.ts'
import { changelog, controlFile, debianVersion } from '../../scripts/package/debian-texts.ts'
import { peer } from '../support/peers.ts'
import { runToEnd } from '../support/program.ts'
import { contentsOf, fileOf, packageOf, smallRelease } from './debs.ts'

const LINTIAN_TIMEOUT_MS = 280_000
t.setTimeout(600_000)

t.test('a package has the executable, its addons, and everything that makes it a service', async t => {
  // A clock that was not set when the package was made: the day of the release is later.
  const [amd64, arm64] = await buildDebs(smallRelease(t, { sourceDateEpoch: 4_102_444_800 }))
  t.match(basename(amd64!), 'tidegate_1.2.3_amd64.deb')
  t.match(basename(arm64!), 'tidegate_1.2.3_arm64.deb')
  const contents = contentsOf(arm64!)
  t.strictSame([...contents.keys()].filter(path => !path.startsWith('/usr/share/tidegate/firmware-profiles/')).sort(), [
    '/etc/tidegate/tidegate.toml',
    '/usr/bin/tidegate',
    '/usr/lib/systemd/system-generators/tidegate-generator',
    '/usr/lib/systemd/system/tidegate.service',
    '/usr/lib/sysusers.d/tidegate.conf',
    '/usr/lib/tidegate/notify-0123456789abcdef-arm64.node',
    '/usr/lib/tidegate/systemd/253-notify-reload.conf',
    '/usr/lib/tidegate/systemd/254-restart-steps.conf',
    '/usr/lib/tmpfiles.d/tidegate.conf',
    '/usr/lib/udev/rules.d/61-tidegate-serial.rules',
    '/usr/share/bash-completion/completions/tidegate',
    '/usr/share/doc/tidegate/changelog.gz',
    '/usr/share/doc/tidegate/copyright',
    '/usr/share/lintian/overrides/tidegate',
    '/usr/share/man/man1/tidegate.1.gz',
    '/usr/share/man/man5/tidegate.toml.5.gz',
    '/usr/share/tidegate/tidegate.schema.json',
  ])
  const programs = [...contents].filter(([, { mode }]) => mode !== '-rw-r--r--')
  t.strictSame(
    programs.map(([path, { mode }]) => `${mode} ${path}`),
    ['-rwxr-xr-x /usr/bin/tidegate', '-rwxr-xr-x /usr/lib/systemd/system-generators/tidegate-generator'],
    'whatever modes they had before',
  )
  t.strictSame([...new Set([...contents.values()].map(({ owner, time }) => `${owner} ${time}`))], ['root/root 2100-01-01 00:00'])
  t.equal(String(fileOf(arm64!, '/usr/bin/tidegate')), 'program for arm64')
})

t.test('dpkg knows the configuration file, the sums, the size and the version', async t => {
  const [file] = await buildDebs(smallRelease(t, { version: '2.0.0-rc.1' }))
  t.equal(basename(file!), 'tidegate_2.0.0~rc.1_amd64.deb')
  const field = (name: string) => execFileSync('dpkg-deb', ['--field', file!, name], { encoding: 'utf8' }).trim()
  t.equal(field('Version'), '2.0.0~rc.1')
  t.equal(field('Architecture'), 'amd64')
  t.ok(Number(field('Installed-Size')) > 100)
  const info = (name: string) => execFileSync('dpkg-deb', ['--info', file!, name], { encoding: 'utf8' })
  t.equal(info('conffiles'), '/etc/tidegate/tidegate.toml\n')
  const sums = info('md5sums').trim().split('\n')
  t.equal(sums.length, contentsOf(file!).size)
  t.match(sums.join('\n'), /^[0-9a-f]{32} {2}usr\/bin\/tidegate$/m)
  for (const name of ['postinst', 'prerm', 'postrm']) t.match(info(name), /^#!\/bin\/sh\nset -e\n/)
})

t.test('the same release makes the same bytes, wherever it lies', async t => {
  const one = await buildDebs(smallRelease(t))
  const other = await buildDebs(smallRelease(t))
  for (const [index, file] of one.entries()) {
    t.not(file, other[index])
    t.ok(readFileSync(file).equals(readFileSync(other[index]!)), basename(file))
  }
})

t.test('a version before a release is older than it, for Debian too', async t => {
  t.equal(debianVersion('1.0.0'), '1.0.0')
  t.equal(debianVersion('1.0.0-rc.1'), '1.0.0~rc.1')
  t.equal(debianVersion('1.0.0-rc-1.x'), '1.0.0~rc.1.x')
  t.doesNotThrow(() => execFileSync('dpkg', ['--compare-versions', debianVersion('1.0.0-rc.1'), 'lt', debianVersion('1.0.0')]))
  t.throws(() => controlFile('X: @NOBODY@', { version: '1', architecture: 'all', installedKib: 1 }), /nobody knows @NOBODY@/)
})

t.test("the project's changelog becomes Debian's", async t => {
  const text = `# Changelog

Words about the form.

## [Unreleased]

### Added

- A thing that is long enough to be told over more than one line of seventy-four characters,
  and goes on in the next.
- Another.

## [1.0.0] - 2026-03-01

- The first.
`
  const made = changelog(text, '1.1.0', 1_790_000_000)
  t.equal(
    made.replace(/^ -- .* {2}/gm, ' -- NAME  '),
    `tidegate (1.1.0) stable; urgency=medium

  * A thing that is long enough to be told over more than one line of
    seventy-four characters, and goes on in the next.
  * Another.

 -- NAME  Mon, 21 Sep 2026 14:13:20 +0000

tidegate (1.0.0) stable; urgency=medium

  * The first.

 -- NAME  Sun, 01 Mar 2026 12:00:00 +0000
`,
  )
  t.match(changelog('# Changelog\n', '1.1.0', 0), /^tidegate \(1\.1\.0\) .*\n\n {2}\* Version 1\.1\.0\.\n/)
})

t.test('the licences of everything inside are there, word for word', async t => {
  const [file] = await buildDebs(smallRelease(t))
  const text = String(fileOf(file!, '/usr/share/doc/tidegate/copyright'))
  for (const name of ['Node.js', 'better-sqlite3', 'serialport', 'toml-eslint-parser', 'SQLite']) t.match(text, new RegExp(`^${name}`, 'm'))
  t.ok(text.includes(readFileSync('node_modules/better-sqlite3/LICENSE', 'utf8').trim()))
  t.match(text, /common-licenses\/Apache-2\.0/)
  const log = String(gunzipSync(fileOf(file!, '/usr/share/doc/tidegate/changelog.gz')))
  t.match(log, /^tidegate \(1\.2\.3\) stable; urgency=medium\n/)
})

t.test('lintian is content with the packages of the release, but for what they say themselves', { timeout: 600_000 }, async t => {
  const lintian = peer(t, 'lintian')
  if (lintian === undefined) return
  for (const arch of ['x64', 'arm64'] as const) {
    const file = packageOf(t, arch)
    if (file === undefined) return
    const words = ['--display-info', '--pedantic', '--tag-display-limit', '0', file]
    const { code, stdout } = await runToEnd(lintian, words, { timeoutMs: LINTIAN_TIMEOUT_MS })
    t.equal(stdout, '', join('lintian', arch))
    t.equal(code, 0)
  }
})
