/** What this build is: its version and the commit it was made from. */
import manifest from '../../package.json' with { type: 'json' }

/** Set by the bundler; absent when the source runs as it is. */
declare const TIDEGATE_COMMIT: string | undefined

export interface Build {
  version: string
  /** Abbreviated commit, `source` when run from source. */
  commit: string
  /** Version of the JavaScript runtime, without the `v`. */
  node: string
}

export function build(): Build {
  return {
    version: manifest.version,
    commit: typeof TIDEGATE_COMMIT === 'string' ? TIDEGATE_COMMIT : 'source',
    node: process.versions.node,
  }
}
