import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Owner {
  teardown(run: () => void): unknown
}

/** Whether what tests leave behind is wanted: databases and logs. */
export const KEEP = process.env['E2E_KEEP'] !== undefined

/** A folder that goes away with its test, unless E2E_KEEP is set. */
export function temporaryFolder(t: Owner): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-e2e-'))
  if (KEEP) process.stderr.write(`${folder} is kept\n`)
  else t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
