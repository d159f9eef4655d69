import { readFileSync } from 'node:fs'
import { type Profile, profileSchema } from '#adapters/serial/profile/schema.ts'
import { showFault } from '#config/fault.ts'
import { loadConfig } from '#config/load.ts'
import { profileNames, readProfile } from '#system/profiles.ts'

/** A profile of the repository by its name, or the faults that it has. */
export function loadProfile(name: string): { profile: Profile | undefined; faults: string[] } {
  const file = readProfile(name)?.path ?? name
  const loaded = loadConfig({ schema: profileSchema, file, env: {}, sets: [], folder: '/', readFile: path => readFileSync(path) })
  return { profile: loaded.config, faults: [...loaded.faults, ...loaded.warnings].map(showFault) }
}

export const PROFILES = profileNames()
