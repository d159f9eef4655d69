/**
 * Writes the configuration reference and the JSON Schema from the schemas of all features. With `--check` it
 * writes nothing and fails if the committed files differ.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { profileSchema } from '#adapters/serial/profile/schema.ts'
import { jsonSchemaPage } from '#config/json-schema.ts'
import { referencePage } from '#config/reference.ts'
import { rootSchema } from '#registry.ts'

const folder = join(import.meta.dirname, '../src/config')
const pages = {
  'REFERENCE.md': referencePage(rootSchema),
  'tidegate.schema.json': jsonSchemaPage(rootSchema),
  '../../firmware-profiles/profile.schema.json': jsonSchemaPage(profileSchema, 'tidegate device profile'),
}
const check = process.argv.includes('--check')

for (const [name, text] of Object.entries(pages)) {
  const path = join(folder, name)
  if (!check) writeFileSync(path, text)
  else if (readOrEmpty(path) !== text) {
    process.stderr.write(
      `src/config/${name} differs from the schemas: run "scripts/with-node node scripts/reference.ts" and commit the result\n`,
    )
    process.exitCode = 1
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
