/**
 * Makes a release in `dist/release/`: an executable for each architecture, the Debian packages, a bill of materials
 * and SHA256SUMS. The npm registry is all that it asks for, and only for a runtime that npm did not install.
 */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundle, commitOf, commitTime } from '../bundle.ts'
import { type Arch, collectAddons } from '../native-addons.ts'
import { lockedRuntime, placeBaseRuntime } from './base-runtime.ts'
import { wrapBundle, writeCodeCache } from './code-cache.ts'
import { makeExecutable } from './executable.ts'
import { type AddonFile, DEBIAN_ARCHS, type Release, type ReleaseTarget } from './release.ts'
import { billOfMaterials } from './sbom.ts'
import { readConfig, type SeaConfig, type Target } from './sea-config.ts'

/** What a download may weigh, an executable as well as a package. */
const SIZE_MAX_BYTES = 115_000_000

/** @throws when anything is missing or fails */
export async function makeRelease(root: string, { debs = true } = {}): Promise<Release> {
  const { targets, outputPath, seaConfig } = readConfig(root)
  const folder = join(root, outputPath)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(tmpdir(), 'tidegate-package-'))
  try {
    const { missing, metafile } = await bundle(root, join(work, 'bundle'), { compact: true })
    if (missing.length > 0) throw new Error(`${missing.join(', ')} does not exist`)
    wrapBundle(join(work, 'bundle/tidegate.cjs'))
    const made: ReleaseTarget[] = []
    for (const target of targets) made.push(await makeTarget({ root, work, folder, target, seaConfig }))
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    const release = { root, folder, version, commit: commitOf(root), sourceDateEpoch: commitTime(root), targets: made }
    if (debs) await buildPackages(release)
    writeFileSync(join(folder, `tidegate-${version}.cdx.json`), await billOfMaterials(release, metafile))
    writeFileSync(join(folder, 'SHA256SUMS'), checksums(folder))
    return release
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

interface Making {
  root: string
  work: string
  folder: string
  target: Target
  seaConfig: SeaConfig
}

async function makeTarget({ root, work, folder, target, seaConfig }: Making): Promise<ReleaseTarget> {
  const { arch, nodeVersion } = target
  const { version } = lockedRuntime(root, arch)
  if (version !== nodeVersion || process.versions.node !== nodeVersion) {
    throw new Error(`pkg.config.json wants Node ${nodeVersion}, package-lock.json ${version}, and this is ${process.versions.node}`)
  }
  const staging = join(work, arch)
  cpSync(join(work, 'bundle'), staging, { recursive: true })
  copyFileSync(join(import.meta.dirname, 'boot.cjs'), join(staging, seaConfig.main))
  const addons = stageAddons(root, target, staging, folder)
  const base = join(staging, 'node')
  placeBaseRuntime(root, arch, base)
  const names = [
    'addons.json',
    stageProfiles(root, staging),
    ...addons.map(({ installName }) => installName),
    ...stageCodeCache(arch, base, staging),
  ]
  const assets = { ...seaConfig.assets, ...Object.fromEntries(names.map(name => [name, name])) }
  const output = join(folder, `tidegate-linux-${arch}`)
  const staged = { target, folder: staging, base, output, seaConfig: { ...seaConfig, assets } }
  const way = await makeExecutable(staged, root)
  console.error(`package: ${output} made ${way === 'pkg' ? 'by pkg' : 'without pkg, by Node and postject'}`)
  return { arch, debianArch: DEBIAN_ARCHS[arch], executable: output, addons }
}

/** The notes as an asset, or none where the runtime cannot be run. */
function stageCodeCache(arch: Arch, runtime: string, staging: string): string[] {
  try {
    writeCodeCache(arch, runtime, join(staging, 'tidegate.cjs'), join(staging, 'tidegate.cache'), staging)
    return ['tidegate.cache']
  } catch (error) {
    console.error(
      `package: the executable for ${arch} will start more slowly, its code cache could not be made: ${(error as Error).message}`,
    )
    return []
  }
}

/** The device profiles as one asset: texts by name. */
function stageProfiles(root: string, staging: string): string {
  const folder = join(root, 'firmware-profiles/devices')
  const files = readdirSync(folder).filter(name => name.endsWith('.toml'))
  const texts = files.sort().map(name => [name.slice(0, -'.toml'.length), readFileSync(join(folder, name), 'utf8')])
  writeFileSync(join(staging, 'profiles.json'), JSON.stringify(Object.fromEntries(texts)))
  return 'profiles.json'
}

/** The addons as assets, named by their content, and the list of their names. */
function stageAddons(root: string, { arch }: Target, staging: string, folder: string): AddonFile[] {
  const kept = join(folder, '../release-addons', arch)
  mkdirSync(kept, { recursive: true })
  const addons = collectAddons(root, arch, join(staging, 'compiled')).map(({ name, file }) => {
    const hash = createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16)
    const installName = `${name}-${hash}.node`
    for (const place of [staging, kept]) copyFileSync(file, join(place, installName))
    return { name, file: join(kept, installName), installName }
  })
  const names = Object.fromEntries(addons.map(({ name, installName }) => [name, installName]))
  writeFileSync(join(staging, 'addons.json'), JSON.stringify(names))
  return addons
}

async function buildPackages(release: Release): Promise<void> {
  const script = join(import.meta.dirname, 'deb.ts')
  if (!existsSync(script)) {
    console.error('package: scripts/package/deb.ts does not exist: no Debian packages are made')
    return
  }
  const { buildDebs } = (await import(script)) as { buildDebs: (release: Release) => Promise<string[]> }
  for (const made of await buildDebs(release)) console.error(`package: ${made} made`)
}

function checksums(folder: string): string {
  const lines = releasedFiles(folder).map(
    name =>
      `${createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex')}  ${name}\n`,
  )
  return lines.join('')
}

function releasedFiles(folder: string): string[] {
  const found = readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isFile() && entry.name !== 'SHA256SUMS')
  return found.map(({ name }) => name).sort()
}

/** The names of what is too large. */
export function tooLarge(folder: string): string[] {
  return releasedFiles(folder).filter(name => statSync(join(folder, name)).size > SIZE_MAX_BYTES)
}

if (import.meta.main) {
  const { folder } = await makeRelease(join(import.meta.dirname, '../..')).catch((error: unknown) => {
    console.error(`package: ${error instanceof Error ? error.message : String(error)}`)
    process.exit(1)
  })
  for (const name of releasedFiles(folder)) console.log(`${(statSync(join(folder, name)).size / 1e6).toFixed(1).padStart(6)} MB  ${name}`)
  for (const name of tooLarge(folder)) {
    console.error(`package: ${name} is larger than ${SIZE_MAX_BYTES / 1e6} MB`)
    process.exitCode = 1
  }
}
