/** The bill of materials of a release, as CycloneDX JSON: what is inside the executables, no more and no less. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Contrib, Enums, Models, Serialize, Spec, Validation } from '@cyclonedx/cyclonedx-library'
import type { Metafile } from 'esbuild'
import { sqliteVersion } from '../bundle.ts'
import { ARCHS, type Release } from './release.ts'

interface LockedPackage {
  version: string
  integrity?: string
  license?: string
}

const { ComponentType, HashAlgorithm } = Enums
/** Libraries inside Node, as `process.versions` names them, that advisories are written about. */
const NODE_LIBRARIES = [
  'ada',
  'ares',
  'brotli',
  'llhttp',
  'nghttp2',
  'openssl',
  'simdjson',
  'simdutf',
  'undici',
  'uv',
  'v8',
  'zlib',
  'zstd',
]

const licenses = new Contrib.License.Factories.LicenseFactory(text => / (AND|OR|WITH) /.test(text))

/**
 * The bill as text, the same for the same input.
 * @throws when it is not valid CycloneDX 1.6
 */
export async function billOfMaterials(release: Release, metafile: Metafile): Promise<string> {
  const bom = new Models.Bom()
  const program = component(ComponentType.Application, 'tidegate', release.version, 'Apache-2.0')
  program.purl = `pkg:generic/tidegate@${release.version}`
  bom.metadata.component = program
  if (release.sourceDateEpoch > 0) bom.metadata.timestamp = new Date(release.sourceDateEpoch * 1000)
  const parts = [...packageComponents(release.root, metafile), ...runtimeComponents(release.root), sqliteComponent(release.root)]
  for (const part of parts) {
    bom.components.add(part)
    program.dependencies.add(part.bomRef)
  }
  bom.serialNumber = serialNumber(`${release.version} ${release.commit} ${parts.map(part => part.purl).join(' ')}`)
  const spec = Spec.Spec1dot6
  const text = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(spec)).serialize(bom, { sortLists: true, space: 2 })
  const fault = await new Validation.JsonStrictValidator(spec.version).validate(text)
  if (fault !== null) throw new Error(`the bill of materials is not valid: ${JSON.stringify(fault)}`)
  return `${text}\n`
}

function component(type: Enums.ComponentType, name: string, version: string, license: string): Models.Component {
  const made = new Models.Component(type, name, { version, bomRef: `${name}@${version}` })
  made.licenses.add(licenses.makeFromString(license))
  return made
}

/** The npm packages of which anything is in the bundles, from the lock file. */
function packageComponents(root: string, metafile: Metafile): Models.Component[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, LockedPackage> }
  const paths = new Set(Object.keys(metafile.inputs).flatMap(input => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []))
  return [...paths].sort().map(path => {
    const locked = lock.packages[path]
    if (locked === undefined) throw new Error(`${path} is in the bundle and not in package-lock.json`)
    return npmComponent(path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length), locked)
  })
}

function npmComponent(name: string, { version, integrity, license = 'NOASSERTION' }: LockedPackage): Models.Component {
  const made = component(ComponentType.Library, name, version, license)
  made.purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
  if (integrity?.startsWith('sha512-')) {
    made.hashes.set(HashAlgorithm['SHA-512'], Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex'))
  }
  return made
}

/** Node for each architecture, with the libraries that it has inside: those of the Node that runs this, which is the same. */
function runtimeComponents(root: string): Models.Component[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, LockedPackage> }
  const packages = ARCHS.map(arch => npmComponent(`node-linux-${arch}`, lock.packages[`node_modules/node-linux-${arch}`]!))
  const libraries = NODE_LIBRARIES.flatMap(name => {
    const version = process.versions[name]
    if (version === undefined) return []
    const made = new Models.Component(ComponentType.Library, name, { version, bomRef: `node/${name}@${version}` })
    made.purl = `pkg:generic/${name}@${version}`
    return [made]
  })
  const node = component(ComponentType.Platform, 'node', process.versions.node, 'MIT')
  node.purl = `pkg:generic/node@${process.versions.node}`
  node.cpe = `cpe:2.3:a:nodejs:node.js:${process.versions.node}:*:*:*:*:*:*:*`
  for (const library of libraries) node.components.add(library)
  return [node, ...packages]
}

/** In the public domain; better-sqlite3 has it compiled in. */
function sqliteComponent(root: string): Models.Component {
  const version = sqliteVersion(root)
  const made = component(ComponentType.Library, 'sqlite', version, 'blessing')
  made.purl = `pkg:generic/sqlite@${version}`
  made.cpe = `cpe:2.3:a:sqlite:sqlite:${version}:*:*:*:*:*:*:*`
  return made
}

/** A UUID made of a digest (RFC 9562 §5.8), so that the same release has the same. */
function serialNumber(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
