/** The release that is tested: what `npm run package` has made in `dist/release`. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')
export const RELEASE = join(ROOT, 'dist/release')

/** What an executable is made of. */
const SOURCES = ['src', 'scripts', 'package.json', 'package-lock.json', 'pkg.config.json']

interface Judge {
  fail(message: string): unknown
  pass(message: string, extra: { skip: string }): unknown
}

/**
 * The executable for an architecture. Undefined when it is missing or older than the source; then the test has been
 * marked as skipped, or as failed where CI=true, which makes a release before it tests.
 */
export function executable(t: Judge, arch: 'x64' | 'arm64'): string | undefined {
  const file = join(RELEASE, `tidegate-linux-${arch}`)
  const message = !existsSync(file)
    ? `${file} does not exist: npm run package`
    : statSync(file).mtimeMs < newest(SOURCES.map(source => join(ROOT, source)))
      ? `${file} is older than the source: npm run package`
      : undefined
  if (message === undefined) return file
  if (process.env['CI'] === 'true') t.fail(message)
  else t.pass('the release', { skip: message })
  return undefined
}

function newest(paths: readonly string[]): number {
  return Math.max(
    ...paths.map(path => {
      const found = statSync(path)
      if (!found.isDirectory()) return found.mtimeMs
      return newest(readdirSync(path).map(name => join(path, name)))
    }),
  )
}
