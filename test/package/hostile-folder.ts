/** Surroundings that want to get their code into the program, or to keep it from running. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Packages and files that a program which looks around would find. */
const PACKAGES = ['better-sqlite3', 'serialport', '@serialport/bindings-cpp', 'node-gyp-build', 'debug', 'node:sea', 'toml-eslint-parser']
const FILES = ['tidegate.cjs', 'store-worker.cjs', 'index.js', 'sea-config.json', 'evil.cjs', 'evil.mjs', '.noderc']

export class HostileFolder {
  readonly folder: string
  /** The executable within. */
  readonly program: string
  readonly #marker: string

  constructor(folder: string, executable: string) {
    this.folder = folder
    this.program = join(folder, 'tidegate')
    this.#marker = join(folder, 'marker')
    copyFileSync(executable, this.program)
    const trap = `require('node:fs').appendFileSync(${JSON.stringify(this.#marker)}, __filename + '\\n')\n`
    const esm = `import fs from 'node:fs'\nfs.appendFileSync(${JSON.stringify(this.#marker)}, 'evil.mjs\\n')\n`
    for (const name of FILES) writeFileSync(join(folder, name), name.endsWith('.mjs') ? esm : trap)
    const manifest = { name: 'foreign', type: 'module', main: 'index.js', imports: { '#*': './evil.cjs' } }
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    for (const name of PACKAGES) {
      const place = join(folder, 'node_modules', name)
      mkdirSync(place, { recursive: true })
      writeFileSync(join(place, 'package.json'), JSON.stringify({ name, version: '9.9.9', main: 'index.js' }))
      writeFileSync(join(place, 'index.js'), trap)
    }
  }

  /** Environment that makes a plain Node run foreign code. */
  get environment(): Record<string, string> {
    return {
      NODE_OPTIONS: `--require=${join(this.folder, 'evil.cjs')} --import=${join(this.folder, 'evil.mjs')} --max-old-space-size=8`,
      NODE_PATH: join(this.folder, 'node_modules'),
      HOME: join(this.folder, 'home'),
    }
  }

  /** What foreign code has run. */
  get intruders(): string {
    return existsSync(this.#marker) ? readFileSync(this.#marker, 'utf8') : ''
  }

  /**
   * A program that runs the executable with that environment, in a mount namespace of its own in which `mounts`, lines
   * of shell, have been done. The process stays the one that was started.
   */
  wrapper(mounts: readonly string[]): string {
    const file = join(this.folder, 'wrapper')
    mkdirSync(join(this.folder, 'home'), { recursive: true })
    const exports = Object.entries(this.environment).map(([name, value]) => `export ${name}='${value}'`)
    const inside = join(this.folder, 'inside')
    writeFileSync(inside, ['#!/bin/sh', 'set -e', ...mounts, 'exec "$0.d/tidegate" "$@"'].join('\n').replace('$0.d', this.folder), {
      mode: 0o755,
    })
    writeFileSync(file, ['#!/bin/sh', ...exports, `exec unshare --mount '${inside}' "$@"`].join('\n'), { mode: 0o755 })
    return file
  }
}
