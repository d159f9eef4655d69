/**
 * The device profiles that the program brings with it: the executable carries them as one asset, the Debian package and a
 * checkout have them as files in `firmware-profiles/devices`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { getAsset, isSea } from 'node:sea'

/** The asset of the executable: an object of texts by name. */
const PROFILES_ASSET = 'profiles.json'
/** Where the Debian package puts them. */
const INSTALLED_FOLDER = '/usr/share/tidegate/firmware-profiles/devices'
const FOLDER = 'firmware-profiles/devices'
const NAME = /^[a-z][a-z0-9-]*$/

/** Set by the bundler; absent when the source runs as it is. */
declare const TIDEGATE_COMMIT: string | undefined

let carried: Readonly<Record<string, string>> | undefined

function asset(): Readonly<Record<string, string>> {
  carried ??= JSON.parse(getAsset(PROFILES_ASSET, 'utf8')) as Readonly<Record<string, string>>
  return carried
}

/** The profile of a name with the path that messages name, or undefined if there is none. */
export function readProfile(name: string): { path: string; text: string } | undefined {
  if (!NAME.test(name)) return undefined
  if (isSea() && Object.hasOwn(asset(), name)) return { path: `${FOLDER}/${name}.toml`, text: asset()[name]! }
  const folder = profileFolder()
  if (folder === undefined) return undefined
  const path = join(folder, `${name}.toml`)
  return existsSync(path) ? { path, text: readFileSync(path, 'utf8') } : undefined
}

/** The names of all profiles. */
export function profileNames(): string[] {
  if (isSea()) return Object.keys(asset()).sort()
  const folder = profileFolder()
  if (folder === undefined) return []
  return readdirSync(folder)
    .filter(file => file.endsWith('.toml'))
    .map(file => file.slice(0, -'.toml'.length))
    .sort()
}

/** Beside the bundle or its folder, in a folder above what runs, or where the package puts them. */
function profileFolder(): string | undefined {
  let folder = typeof TIDEGATE_COMMIT === 'undefined' ? dirname(process.argv[1] ?? '/') : __dirname
  for (; folder !== dirname(folder); folder = dirname(folder)) {
    const found = join(folder, FOLDER)
    if (existsSync(found)) return found
  }
  return existsSync(INSTALLED_FOLDER) ? INSTALLED_FOLDER : undefined
}
