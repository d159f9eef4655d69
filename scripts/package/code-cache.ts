/** V8's notes on the bundle, so that a start need not read and compile it all anew: a third of the time of a start. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Arch, TRIPLES } from '../native-addons.ts'
import { RUNTIME_FLAGS } from '../runtime-flags.ts'

/** What runs a program of another architecture. */
const EMULATORS: Record<Arch, string[]> = {
  x64: ['qemu-x86_64-static'],
  arm64: ['qemu-aarch64-static', '-cpu', 'cortex-a53'],
}

/** V8 leaves these two out when it compares the flags of notes with its own: they make the notes the same each time. */
const REPEATABLE = ['--random-seed=1', '--predictable']

/**
 * Makes of a bundle what both the notes and the executable run: a function of the names that a module has.
 * @throws where a character is beyond Latin-1: V8 would keep the whole text in twice the memory
 */
export function wrapBundle(file: string): void {
  const text = readFileSync(file, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n')
  const wide = /[^\x00-\xff]/.exec(text)
  if (wide !== null)
    throw new Error(`the bundle has a character that needs two bytes, write it as an escape: …${around(text, wide.index)}…`)
  writeFileSync(file, `(function (exports, require, module, __filename, __dirname) {${text}\n})\n`)
}

function around(text: string, index: number): string {
  return text.slice(Math.max(0, index - 40), index + 40).replaceAll('\n', ' ')
}

/**
 * Writes the notes on a wrapped bundle. What they hold is what `tidegate check` needs: most of what each start does.
 * @param runtime the very Node that will read them
 * @throws when it cannot be run here
 */
export function writeCodeCache(arch: Arch, runtime: string, bundle: string, output: string, work: string): void {
  const emulator = arch === process.arch ? [] : [...EMULATORS[arch], '-L', `/usr/${TRIPLES[arch]}`]
  const script = join(import.meta.dirname, 'note-code.cjs')
  const words = [...emulator, runtime, ...REPEATABLE, ...RUNTIME_FLAGS, script, bundle, output, 'check']
  // Nothing of this machine's configuration.
  const empty = join(work, 'empty')
  mkdirSync(empty)
  execFileSync(words[0]!, words.slice(1), { cwd: empty, env: { HOME: empty }, stdio: ['ignore', 'ignore', 'inherit'] })
}
