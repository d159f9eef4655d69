/**
 * The Debian packages: the tree of files that each installs, staged in a temporary folder with modes and times of its
 * own, and packed by `dpkg-deb`. The same release gives the same bytes.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { bashCompletion } from './completion.ts'
import { changelog, controlFile, copyright, debianVersion } from './debian-texts.ts'
import { commandPage, configPage } from './man.ts'
import { ADDON_FOLDER, type Release, type ReleaseTarget } from './release.ts'
import { StagedTree } from './staged-tree.ts'

const HERE = import.meta.dirname
const MAINTAINER_SCRIPTS = ['postinst', 'prerm', 'postrm']
const CONFIG_FILE = '/etc/tidegate/tidegate.toml'
/** As many for every build: the compressed bytes depend on it. */
const COMPRESSION_THREADS = 2
/** For a source that came without git, 2026-01-01: Debian takes a file from 1970 for a mistake. */
const EPOCH_UNKNOWN = 1_767_225_600

/**
 * Packs a release for each of its architectures, into its folder.
 * @returns the packages' paths: `tidegate_<version>_<architecture>.deb`
 * @throws when a file is missing or `dpkg-deb` fails
 */
export async function buildDebs(release: Release): Promise<string[]> {
  const dated = { ...release, sourceDateEpoch: release.sourceDateEpoch || EPOCH_UNKNOWN }
  const common = commonFiles(dated)
  return dated.targets.map(target => buildDeb(dated, target, common))
}

/** Files that are the same for every architecture, by the path that they are installed at. */
type CommonFiles = ReadonlyMap<string, Uint8Array>

function buildDeb(release: Release, target: ReleaseTarget, common: CommonFiles): string {
  const work = mkdtempSync(join(tmpdir(), 'tidegate-deb-'))
  try {
    const tree = new StagedTree(join(work, 'tree'), release.sourceDateEpoch)
    tree.copy('/usr/bin/tidegate', target.executable, 0o755)
    for (const { file, installName } of target.addons) tree.copy(`${ADDON_FOLDER}/${installName}`, file)
    for (const [path, content] of common) tree.write(path, content)
    addService(tree, release.root)
    addProfiles(tree, release.root)
    addControl(tree, release, target)
    tree.seal()
    const file = join(release.folder, `tidegate_${debianVersion(release.version)}_${target.debianArch}.deb`)
    execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', `--threads-max=${COMPRESSION_THREADS}`, '--build', tree.root, file], {
      env: { PATH: process.env['PATH'], SOURCE_DATE_EPOCH: String(release.sourceDateEpoch) },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    return file
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function commonFiles({ root, version, sourceDateEpoch: epoch }: Release): CommonFiles {
  const read = (path: string) => readFileSync(join(root, path), 'utf8')
  const doc = '/usr/share/doc/tidegate'
  return new Map([
    [CONFIG_FILE, Buffer.from(readFileSync(join(HERE, 'debian/tidegate.toml')))],
    ['/usr/share/man/man1/tidegate.1.gz', zipped(commandPage({ version, epoch }))],
    ['/usr/share/man/man5/tidegate.toml.5.gz', zipped(configPage(read('src/config/REFERENCE.md'), { version, epoch }))],
    ['/usr/share/bash-completion/completions/tidegate', Buffer.from(bashCompletion())],
    ['/usr/share/tidegate/tidegate.schema.json', Buffer.from(read('src/config/tidegate.schema.json'))],
    [`${doc}/copyright`, Buffer.from(copyright(root))],
    [`${doc}/changelog.gz`, zipped(changelog(read('CHANGELOG.md'), version, epoch))],
    ['/usr/share/lintian/overrides/tidegate', readFileSync(join(HERE, 'debian/lintian-overrides'))],
  ])
}

/** As Debian wants it: the best compression, and neither name nor time inside. */
function zipped(text: string): Uint8Array {
  return gzipSync(text, { level: 9 })
}

function addService(tree: StagedTree, root: string): void {
  const from = (name: string) => join(root, 'systemd', name)
  tree.copy('/usr/lib/systemd/system/tidegate.service', from('tidegate.service'))
  tree.copy('/usr/lib/systemd/system-generators/tidegate-generator', from('tidegate-generator'), 0o755)
  tree.copyFolder('/usr/lib/tidegate/systemd', from('drop-ins'))
  tree.copy('/usr/lib/sysusers.d/tidegate.conf', from('tidegate.sysusers'))
  tree.copy('/usr/lib/tmpfiles.d/tidegate.conf', from('tidegate.tmpfiles'))
  tree.copy('/usr/lib/udev/rules.d/61-tidegate-serial.rules', from('61-tidegate-serial.rules'))
}

/** The profiles themselves; what is told about them to whoever writes some stays in the checkout. */
function addProfiles(tree: StagedTree, root: string): void {
  tree.copyFolder('/usr/share/tidegate/firmware-profiles', join(root, 'firmware-profiles'), name => !name.endsWith('.md'))
}

/** What dpkg itself reads; last, for it tells of all other files. */
function addControl(tree: StagedTree, { version }: Release, { debianArch }: ReleaseTarget): void {
  const sums = tree.files().map(path => `${createHash('md5').update(tree.read(path)).digest('hex')}  ${path.slice(1)}\n`)
  const template = readFileSync(join(HERE, 'debian/control'), 'utf8')
  tree.write('/DEBIAN/control', controlFile(template, { version, architecture: debianArch, installedKib: tree.installedKib() }))
  tree.write('/DEBIAN/md5sums', sums.join(''))
  tree.write('/DEBIAN/conffiles', `${CONFIG_FILE}\n`)
  for (const name of MAINTAINER_SCRIPTS) tree.copy(`/DEBIAN/${name}`, join(HERE, 'debian', name), 0o755)
}
