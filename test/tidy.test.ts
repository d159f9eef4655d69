/** House rules that no other tool knows: each finds its breaches in the files as they are. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import { missingOptionals } from '../scripts/complete-lock.ts'

const ROOT = join(import.meta.dirname, '..')
const SELF = 'test/tidy.test.ts'
const LINES_MAX = 400
const README_LINES_MAX = 60
/** The folders whose folders are features of their own. */
const FEATURE_FOLDERS = ['adapters', 'bridges', 'clients', 'codecs']

interface SourceFile {
  path: string
  text: string
}

function read(folder: string, pattern: RegExp): SourceFile[] {
  if (!existsSync(join(ROOT, folder))) return []
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && pattern.test(entry.name) && !/node_modules|\.tap/.test(entry.parentPath))
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
    .map(path => ({ path: relative(ROOT, path), text: readFileSync(path, 'utf8') }))
}

/** The code of a file: comments may name what code may not use. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, comment => comment.replace(/[^\n]/g, ' ')).replace(/(^|\s)\/\/.*$/gm, '$1')
}

/** `path:line: match` for every match of `pattern`. */
function breaches(files: SourceFile[], pattern: RegExp, view: (text: string) => string = text => text): string[] {
  return files.flatMap(({ path, text }) =>
    view(text)
      .split('\n')
      .flatMap((line, index) => {
        const found = pattern.exec(line)
        return found === null ? [] : [`${path}:${index + 1}: ${found[0].trim()}`]
      }),
  )
}

const lineCount = (text: string) => text.replace(/\n$/, '').split('\n').length

const sources = read('src', /\.ts$/)
const tests = read('test', /\.ts$/).filter(file => file.path !== SELF)
const scripts = [...read('scripts', /^[\w.-]+$/), ...read('.ci', /./)]
const pages = [
  ...read('src', /\.md$/),
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].flatMap(name =>
    existsSync(join(ROOT, name)) ? [{ path: name, text: readFileSync(join(ROOT, name), 'utf8') }] : [],
  ),
]
const everything = [...sources, ...tests, ...scripts, ...pages]

t.test('there is something to look at', async t => {
  for (const [name, files, least] of [
    ['src', sources, 10],
    ['test', tests, 5],
    ['scripts', scripts, 5],
    ['pages', pages, 3],
  ] as const) {
    t.ok(files.length >= least, `${name}: ${files.length} files`)
  }
})

t.test('no source file is longer than 400 lines', async t => {
  t.strictSame(
    sources.filter(file => lineCount(file.text) > LINES_MAX).map(file => `${file.path}: ${lineCount(file.text)}`),
    [],
  )
})

t.test('the wall clock, timers and randomness are used by the system clock alone', async t => {
  const pattern =
    /\bDate\.now\b|\bnew Date\(\)|(?<![.\w])(setTimeout|setInterval|setImmediate)\b|\bMath\.random\b|\bperformance\.now\b|\bhrtime\b|\b(randomBytes|randomUUID|randomInt|getRandomValues)\b|['"]node:(timers|perf_hooks)/
  const rest = sources.filter(file => file.path !== 'src/base/system-clock.ts')
  // `clock.randomBytes` is the port; the bare name is Node's.
  const found = breaches(rest, pattern, text => withoutComments(text).replace(/(\.|^\s*)randomBytes\(/gm, '$1portBytes('))
  t.strictSame(found, [])
})

t.test('source is fit for the one bundle that it becomes', async t => {
  t.strictSame(breaches(sources, /\bimport\.meta\b|^await /, withoutComments), [])
})

t.test('every feature has a README of at most 60 lines', async t => {
  const features = new Set<string>()
  for (const { path } of sources) {
    const [, folder, inner, ...deeper] = path.split('/')
    if (inner === undefined) continue
    features.add(deeper.length > 0 && FEATURE_FOLDERS.includes(folder!) ? `src/${folder}/${inner}` : `src/${folder}`)
  }
  t.strictSame(
    [...features].filter(folder => !existsSync(join(ROOT, folder, 'README.md'))),
    [],
    'folders without a README',
  )
  const long = pages.filter(({ path, text }) => path.endsWith('/README.md') && lineCount(text) > README_LINES_MAX)
  t.strictSame(
    long.map(({ path, text }) => `${path}: ${lineCount(text)}`),
    [],
    'READMEs that are too long',
  )
})

t.test('nothing is left for later in a comment', async t => {
  t.strictSame(breaches(everything, /\b(TODO|FIXME)\b/), [])
})

t.test('no test is skipped or runs alone', async t => {
  const pattern = /\bt\d?\.(skip|todo|only)\(|\b(skip|todo|only): (true|['"`])|\bs(kip|olo)Test\b/
  t.strictSame(
    breaches(
      tests.filter(file => file.path !== 'test/support/peers.ts'),
      pattern,
      withoutComments,
    ),
    [],
  )
})

t.test('no file knows the machine that it was written on', async t => {
  // A Raspberry Pi's own user stands in examples.
  t.strictSame(breaches(everything, /(?<![\w.$}])\/(work|root|home\/(?!pi\b))\/?[\w.-]+\//), [])
})

t.test('the lock file names packages and their digests, not where they were downloaded', async t => {
  const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
  t.notMatch(lock, /"resolved"/)
  t.match(lock, /"integrity": "sha512-/)
})

t.test('the lock file is complete, so that npm ci takes it', async t => {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
  t.strictSame([...missingOptionals(lock).keys()], [], 'run npm run lock')
})

t.test('packages are pinned to exact versions', async t => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const versions = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }
  t.ok(Object.keys(versions).length > 10)
  t.strictSame(
    Object.entries<string>(versions).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)),
    [],
  )
})
