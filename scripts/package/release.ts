/**
 * What a release is made of. `npm run package` (main.ts) fills it in, makes the executables, and hands it on to
 * `deb.ts`, which exports
 *
 *     export async function buildDebs(release: Release): Promise<string[]>
 *
 * It writes its packages into `release.folder` and returns their paths. It is called once, when both executables are
 * there and before SHA256SUMS is written; what it throws ends the command. A package carries
 * - `target.executable` as /usr/bin/tidegate,
 * - each of `target.addons` as a plain file, `${ADDON_FOLDER}/${addon.installName}`, owned by root, mode 0644: the
 *   executable looks there first. The name has a hash of the content, so that another version's file is left alone.
 * The same commit must give the same bytes: take every time from `release.sourceDateEpoch`.
 */
import type { Arch } from '../native-addons.ts'

/** The addons' place on a machine where the package is installed. */
export const ADDON_FOLDER = '/usr/lib/tidegate'

export const ARCHS: readonly Arch[] = ['x64', 'arm64']

export interface Release {
  /** The checkout, absolute. */
  root: string
  /** Where everything that is released lies, absolute: `dist/release`. */
  folder: string
  /** As in package.json. */
  version: string
  /** Abbreviated commit, with `-modified` where files differ from it, or `unknown`. */
  commit: string
  /** Time of that commit, in seconds; 0 when unknown. */
  sourceDateEpoch: number
  targets: readonly ReleaseTarget[]
}

export interface ReleaseTarget {
  arch: Arch
  debianArch: 'amd64' | 'arm64'
  /** Absolute: `…/tidegate-linux-arm64`. */
  executable: string
  addons: readonly AddonFile[]
}

/** A native addon for one architecture. */
export interface AddonFile {
  /** As `src/system/native-addons.ts` knows it: `better-sqlite3`, `serialport`, `notify`. */
  name: string
  /** Where it lies now, absolute. */
  file: string
  /** `better-sqlite3-0123456789abcdef.node` */
  installName: string
}

export const DEBIAN_ARCHS: Record<Arch, ReleaseTarget['debianArch']> = { x64: 'amd64', arm64: 'arm64' }
