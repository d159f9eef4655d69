import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadFromPlaces } from '#system/native-addons.ts'
import {
  type AddonContent,
  type AddonPlace,
  cachedFile,
  installedFile,
  namelessFile,
  type PlaceFinder,
  placeFinders,
} from '#system/native-addons-places.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const user = process.geteuid!()
const bytes = Buffer.alloc(200_000, 'addon ')
const addon: AddonContent = { name: 'better-sqlite3', installName: 'better-sqlite3-0123456789abcdef.node', bytes }

/** The name of the file that is open there. */
function nameOf(place: AddonPlace | undefined): string | undefined {
  if (place === undefined) return undefined
  const name = readlinkSync(place.file)
  place.discard()
  return name
}

t.test('a file that was installed is taken only if nobody but its owner can have written it', async t => {
  const folder = temporaryFolder(t)
  const file = join(folder, addon.installName)
  t.throws(() => installedFile(addon, folder, user), { code: 'ENOENT' })
  writeFileSync(file, bytes, { mode: 0o644 })
  t.match(installedFile(addon, folder, user), { file })
  t.equal(installedFile(addon, folder, user + 1), undefined, 'of another owner')
  chmodSync(file, 0o664)
  t.equal(installedFile(addon, folder, user), undefined, 'writable by the group')
  chmodSync(file, 0o644)
  chmodSync(folder, 0o777)
  t.equal(installedFile(addon, folder, user), undefined, 'in a folder that anybody may write to')
  chmodSync(folder, 0o755)
  writeFileSync(file, 'short')
  t.equal(installedFile(addon, folder, user), undefined, 'of another size')
})

t.test('the user’s own cache is made private, filled once, and found again', async t => {
  const folder = join(temporaryFolder(t), 'cache/tidegate')
  const file = join(folder, addon.installName)
  t.equal(nameOf(cachedFile(addon, folder)), file)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.strictSame(readFileSync(file), bytes)
  const first = statSync(file)
  t.equal(nameOf(cachedFile(addon, folder)), file)
  t.equal(statSync(file).ino, first.ino, 'it was not written again')
  t.strictSame(readdirSync(folder), [addon.installName], 'nothing else is left')
})

t.test('what lies in the cache with other content, by another’s hand or as a link is replaced', async t => {
  const folder = temporaryFolder(t)
  const file = join(folder, addon.installName)
  const check = (what: string) => {
    const place = cachedFile(addon, folder)!
    t.strictSame(readFileSync(place.file), bytes, what)
    t.equal(nameOf(place), file, what)
    t.ok(statSync(file).isFile())
    t.strictSame(readFileSync(file), bytes, what)
  }
  const damaged = Buffer.from(bytes)
  damaged[150_000] ^= 1
  writeFileSync(file, damaged)
  check('one bit is wrong')
  writeFileSync(file, bytes.subarray(0, 5))
  check('cut short by a power cut')
  chmodSync(file, 0o666)
  check('writable by others')
  t.equal(statSync(file).mode & 0o022, 0)
  const elsewhere = join(temporaryFolder(t), 'elsewhere')
  writeFileSync(elsewhere, 'mine')
  cachedFile({ ...addon, installName: 'better-sqlite3-aaaaaaaaaaaaaaaa.node' }, folder)
  symlinkSync(elsewhere, file)
  check('a link')
  t.equal(readFileSync(elsewhere, 'utf8'), 'mine', 'what it led to is as it was')
})

t.test('the cache keeps one version of an addon, and other files', async t => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'better-sqlite3-fedcba9876543210.node'), 'old')
  writeFileSync(join(folder, 'serialport-fedcba9876543210.node'), 'other')
  cachedFile(addon, folder)
  t.strictSame(readdirSync(folder).sort(), [addon.installName, 'serialport-fedcba9876543210.node'])
})

t.test('a folder that others may write to is no cache', async t => {
  const folder = temporaryFolder(t)
  chmodSync(folder, 0o1777)
  t.equal(cachedFile(addon, folder), undefined)
  const link = join(temporaryFolder(t), 'link')
  symlinkSync(temporaryFolder(t), link)
  t.equal(cachedFile(addon, link), undefined, 'nor is a link')
  t.strictSame(readdirSync(folder), [])
})

t.test('a file without a name leaves nothing behind', async t => {
  const folder = temporaryFolder(t)
  const place = namelessFile(addon, folder)
  t.strictSame(readFileSync(place.file), bytes)
  t.match(readlinkSync(place.file), /\(deleted\)$/)
  t.strictSame(readdirSync(folder), [])
  place.discard()
  t.notOk(existsSync(place.file))
})

t.test('the places are tried in order, until one can be loaded', async t => {
  const discarded: string[] = []
  const place = (file: string): AddonPlace => ({ file, discard: () => void discarded.push(file) })
  const finders: PlaceFinder[] = [
    () => undefined,
    () => {
      throw new Error('nothing there')
    },
    () => place('/noexec'),
    () => place('/good'),
    () => t.fail('not asked'),
  ].map(find => find as PlaceFinder)
  const open = (file: string) => {
    if (file === '/noexec') throw new Error('failed to map segment')
    return file
  }
  t.equal(loadFromPlaces(addon, finders, open), '/good')
  t.strictSame(discarded, ['/noexec'])
  const hopeless = () => loadFromPlaces(addon, finders.slice(0, 3), open)
  t.throws(hopeless, {
    code: 'runtime-unfit',
    message: /better-sqlite3 .*: nothing there; failed to map segment$/,
    hint: /CACHE_DIRECTORY/,
  })
})

t.test('the service’s cache comes before the user’s, and neither is taken from a relative path', async t => {
  const folder = temporaryFolder(t)
  const environment = { CACHE_DIRECTORY: `${folder}/service:${folder}/second`, HOME: `${folder}/home` }
  const files = (finders: PlaceFinder[]) => finders.slice(1, -3).map(find => nameOf(find(addon)))
  t.strictSame(files(placeFinders(environment)), [
    join(folder, 'service', addon.installName),
    join(folder, 'home/.cache/tidegate', addon.installName),
  ])
  mkdirSync(join(folder, 'xdg'))
  t.strictSame(files(placeFinders({ CACHE_DIRECTORY: 'here', XDG_CACHE_HOME: join(folder, 'xdg'), HOME: folder })), [
    join(folder, 'xdg/tidegate', addon.installName),
  ])
  t.strictSame(files(placeFinders({ XDG_CACHE_HOME: 'there', HOME: folder })), [])
})
