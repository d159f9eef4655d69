/** Device profiles as commands ask for them. */
import { readFileSync } from 'node:fs'
import { describeError, GatewayError, isGatewayError } from '#base/errors.ts'
import { suggest } from '#base/schema.ts'
import { type Fault, showFault } from '#config/fault.ts'
import { loadConfig } from '#config/load.ts'
import type { Context } from './context.ts'
import { pathFrom } from './option.ts'
import type { ProfileCore, SerialParts } from './serial-parts.ts'

export interface CheckedProfile {
  profile: ProfileCore | undefined
  faults: readonly string[]
}

/** Loads a profile by its name or path, and says all that is wrong with it. @throws GatewayError `not-found` for a name that there is not */
export function checkProfile(name: string, context: Context, parts: SerialParts): CheckedProfile {
  const file = fileOf(name, context, parts)
  const loaded = loadConfig({
    schema: parts.profileSchema,
    file: file.path,
    env: {},
    sets: [],
    folder: context.folder,
    readFile: path => file.text ?? readFileSync(path),
  })
  const faults = [...loaded.faults, ...loaded.warnings].map((fault: Fault) => showFault(fault))
  return { profile: loaded.config, faults }
}

/** Loads a profile that must be right. @throws GatewayError `not-found`, `config-invalid` */
export function requireProfile(name: string, context: Context, parts: SerialParts): ProfileCore {
  const { profile, faults } = checkProfile(name, context, parts)
  if (profile !== undefined) return profile
  for (const fault of faults) context.terminal.complain(fault)
  throw new GatewayError('config-invalid', `the profile ${name} has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}`)
}

/** What is wrong with the vectors of a profile, a line each. */
export function vectorFaults(profile: ProfileCore, parts: SerialParts): string[] {
  const faults: string[] = []
  for (const [place, vector] of profile.vectors.entries()) {
    try {
      const readings = new Map(parts.readVector(profile, place).map(each => [each.point, each.good ? each.text : 'no value']))
      for (const [point, wanted] of Object.entries(vector.values)) {
        const got = readings.get(point)
        if (got !== wanted) faults.push(`vectors.${place} (${vector.name}): ${point} is ${got ?? 'missing'}, not ${wanted}`)
      }
    } catch (error) {
      if (!isGatewayError(error)) throw error
      faults.push(`vectors.${place} (${vector.name}): ${describeError(error)}`)
    }
  }
  return faults
}

function fileOf(name: string, context: Context, parts: SerialParts): { path: string; text: string | undefined } {
  const known = context.parts.readProfile(name)
  if (known !== undefined) return known
  if (/[/.]/.test(name)) return { path: pathFrom(context.folder, name), text: undefined }
  const hint = suggest(name, parts.profileNames()) ?? 'tidegate serial profiles lists them'
  throw new GatewayError('not-found', `there is no profile ${JSON.stringify(name)}`, { hint })
}
