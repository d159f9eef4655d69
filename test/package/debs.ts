/** The Debian packages that are tested: those of the release, and small ones made for a test. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { DEBIAN_ARCHS, type Release } from '../../scripts/package/release.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { executable, RELEASE, ROOT } from './release.ts'

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }

/** The release's package for an architecture; as `executable` where there is none that is fit. */
export function packageOf(t: Test, arch: 'x64' | 'arm64'): string | undefined {
  if (executable(t, arch) === undefined) return undefined
  return join(RELEASE, `tidegate_${version}_${DEBIAN_ARCHS[arch]}.deb`)
}

/** The same package as another version, in a moment: changed in nothing but its version, and hardly compressed. */
export function asVersion(t: Test, file: string, version: string): string {
  const folder = temporaryFolder(t)
  const tree = join(folder, 'tree')
  execFileSync('dpkg-deb', ['--raw-extract', file, tree])
  const control = join(tree, 'DEBIAN/control')
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${version}`))
  const made = join(folder, `tidegate_${version}.deb`)
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z1', '--build', tree, made], { stdio: 'ignore' })
  return made
}

/** A release whose executables and addons are a few bytes, in a folder of its own. */
export function smallRelease(t: Test, more: Partial<Release> = {}): Release {
  const folder = join(temporaryFolder(t), 'release')
  mkdirSync(folder)
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const targets = (['x64', 'arm64'] as const).map(arch => ({
    arch,
    debianArch: DEBIAN_ARCHS[arch],
    executable: file(`tidegate-linux-${arch}`, `program for ${arch}`),
    addons: [{ name: 'notify', file: file(`notify-${arch}`, 'addon'), installName: `notify-0123456789abcdef-${arch}.node` }],
  }))
  return { root: ROOT, folder, version: '1.2.3', commit: 'abc', sourceDateEpoch: 1_790_000_000, targets, ...more }
}

export interface InstalledFile {
  mode: string
  owner: string
  size: number
  time: string
}

/** What a package installs: files by path, folders left out. */
export function contentsOf(file: string): Map<string, InstalledFile> {
  const lines = execFileSync('dpkg-deb', ['--contents', file], { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } })
    .trim()
    .split('\n')
  const found = new Map<string, InstalledFile>()
  for (const line of lines) {
    const [mode, owner, size, day, minute, path] = line.split(/\s+/)
    if (!path!.endsWith('/')) found.set(path!.slice(1), { mode: mode!, owner: owner!, size: Number(size), time: `${day} ${minute}` })
  }
  return found
}

/** One file out of a package. */
export function fileOf(file: string, path: string): Buffer {
  const tar = execFileSync('dpkg-deb', ['--fsys-tarfile', file], { maxBuffer: 2 ** 28 })
  return execFileSync('tar', ['--extract', '--to-stdout', `.${path}`], { input: tar, maxBuffer: 2 ** 28 })
}
