/** Reads pkg.config.json: what goes into the executable, and for which targets it is made. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Arch } from '../native-addons.ts'
import { RUNTIME_FLAGS } from '../runtime-flags.ts'

/** As `node --experimental-sea-config` takes it; paths count from the staging folder. */
export interface SeaConfig {
  main: string
  output?: string
  disableExperimentalSEAWarning: boolean
  useSnapshot: boolean
  useCodeCache: boolean
  execArgv?: readonly string[]
  /** `none`: NODE_OPTIONS has no say. */
  execArgvExtension: 'none' | 'env' | 'cli'
  assets: Record<string, string>
}

export interface Target {
  arch: Arch
  /** `24.21.0` */
  nodeVersion: string
  /** `node24.21.0-linux-arm64`, as pkg names it. */
  name: string
}

export interface PackageConfig {
  targets: Target[]
  /** Where releases go, below the checkout. */
  outputPath: string
  seaConfig: SeaConfig
}

interface PkgConfig {
  pkg: { targets: string[]; outputPath: string; seaConfig: SeaConfig }
}

/** @throws when a target is not an exact Node for Linux: pkg would ask the network what it means */
export function readConfig(root: string): PackageConfig {
  const { pkg } = JSON.parse(readFileSync(join(root, 'pkg.config.json'), 'utf8')) as PkgConfig
  const targets = pkg.targets.map(name => {
    const found = /^node(\d+\.\d+\.\d+)-linux-(x64|arm64)$/.exec(name)
    if (found === null) throw new Error(`pkg.config.json: the target ${name} is not like node24.21.0-linux-x64`)
    return { name, nodeVersion: found[1]!, arch: found[2] as Arch }
  })
  const seaConfig = { ...pkg.seaConfig, execArgv: [...RUNTIME_FLAGS] }
  return { targets, outputPath: pkg.outputPath, seaConfig }
}
