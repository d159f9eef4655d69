/**
 * The native parts of the program, from wherever this build has them:
 * - the executable carries them as assets, and puts them where the system can load them;
 * - a build in a checkout has them in `native/` beside its bundle;
 * - run from source, better-sqlite3 and serialport find their own, and the others are in the checkout's `dist/native/`.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { getAsset, getRawAsset, isSea } from 'node:sea'
import { describeError, GatewayError } from '#base/errors.ts'
import { type AddonContent, type PlaceFinder, placeFinders } from './native-addons-places.ts'

/** Set by the bundler; absent when the source runs as it is. */
declare const TIDEGATE_COMMIT: string | undefined

export type AddonName = 'better-sqlite3' | 'serialport' | 'notify' | 'pty'

/** The asset that tells the other addons' install names, by their names. */
const MANIFEST_ASSET = 'addons.json'

interface Loaded {
  exports: unknown
  file: string
}

const loaded = new Map<AddonName, Loaded | undefined>()

/**
 * What a native addon exports. The first call loads it.
 * @returns undefined when this build has no such addon, or leaves it to its package to find it
 * @throws GatewayError `runtime-unfit` when it is there and cannot be loaded
 */
export function loadAddon(name: AddonName): unknown {
  return load(name)?.exports
}

/** The file that the addon has been loaded from, for another thread of this process. Otherwise as {@link loadAddon}. */
export function addonFile(name: AddonName): string | undefined {
  return load(name)?.file
}

function load(name: AddonName): Loaded | undefined {
  if (!loaded.has(name)) loaded.set(name, isSea() ? fromAsset(name) : fromFile(name))
  return loaded.get(name)
}

function fromFile(name: AddonName): Loaded | undefined {
  const file = typeof TIDEGATE_COMMIT === 'undefined' ? inCheckout(name) : join(__dirname, 'native', `${name}.node`)
  if (file === undefined || !existsSync(file)) return undefined
  try {
    return open(file)
  } catch (cause) {
    throw new GatewayError('runtime-unfit', `${file} cannot be loaded: ${describeError(cause)}`, {
      cause,
      hint: 'build again: npm run build',
    })
  }
}

/** Built beside the source that runs, if anything is. */
function inCheckout(name: AddonName): string | undefined {
  if (name !== 'notify' && name !== 'pty') return undefined
  for (let folder = dirname(process.argv[1] ?? '/'); folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'dist/native', `${name}.node`)
    if (existsSync(file)) return file
  }
  return undefined
}

function fromAsset(name: AddonName): Loaded | undefined {
  const names = JSON.parse(getAsset(MANIFEST_ASSET, 'utf8')) as Record<string, string>
  const installName = names[name]
  if (installName === undefined) return undefined
  return loadFromPlaces({ name, installName, bytes: new Uint8Array(getRawAsset(installName)) }, placeFinders(), open)
}

/**
 * Loads from the first place that works.
 * @throws GatewayError `runtime-unfit` with what was wrong with each
 */
export function loadFromPlaces<T>(addon: AddonContent, finders: readonly PlaceFinder[], open: (file: string) => T): T {
  const faults: string[] = []
  for (const find of finders) {
    try {
      const place = find(addon)
      if (place === undefined) continue
      try {
        return open(place.file)
      } catch (error) {
        place.discard()
        throw error
      }
    } catch (error) {
      faults.push(describeError(error))
    }
  }
  throw new GatewayError('runtime-unfit', `the native part ${addon.name} can be loaded from nowhere: ${faults.join('; ')}`, {
    hint: 'set CACHE_DIRECTORY to a folder of this user on a file system that is not mounted noexec',
  })
}

function open(file: string): Loaded {
  const holder: { exports: unknown } = { exports: {} }
  process.dlopen(holder, file)
  return { exports: holder.exports, file }
}
