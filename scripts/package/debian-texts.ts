/** Texts of a Debian package that are made from the project's own: control file, changelog, copyright. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Whoever builds packages for others puts their own name here. */
const MAINTAINER = process.env['TIDEGATE_MAINTAINER'] ?? 'tidegate maintainers <tidegate@packages.invalid>'

/** A version as Debian compares it: `1.0.0-rc.1` is before `1.0.0`. */
export function debianVersion(version: string): string {
  return version.replace('-', '~').replaceAll('-', '.')
}

export interface ControlFacts {
  version: string
  architecture: string
  installedKib: number
}

/** @throws when a place of the template stays empty */
export function controlFile(template: string, { version, architecture, installedKib }: ControlFacts): string {
  const values: Record<string, string> = {
    VERSION: debianVersion(version),
    ARCHITECTURE: architecture,
    MAINTAINER,
    INSTALLED_SIZE: String(installedKib),
  }
  return template.replaceAll(/@([A-Z_]+)@/g, (_place, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`debian/control: nobody knows @${name}@`)
    return value
  })
}

interface Section {
  version: string
  epoch: number
  items: string[]
}

/**
 * Debian's changelog from that of the project (Keep a Changelog). What is not released yet is in this version, of the
 * day of its commit; each other version has its own day.
 */
export function changelog(text: string, version: string, epoch: number): string {
  const sections: Section[] = []
  for (const line of text.split('\n')) {
    const heading = /^## \[?([^\]\s]+)\]?(?: - (\d{4}-\d{2}-\d{2}))?/.exec(line)
    const current = sections.at(-1)
    if (heading !== null) {
      const released = heading[2] !== undefined
      const day = released ? Date.parse(`${heading[2]}T12:00:00Z`) / 1000 : epoch
      sections.push({ version: released ? heading[1]! : version, epoch: day, items: [] })
    } else if (line.startsWith('- ')) current?.items.push(line.slice(2))
    else if (line.startsWith('  ') && current !== undefined) current.items.push(`${current.items.pop() ?? ''} ${line.trim()}`)
  }
  const told = sections.filter(section => section.items.length > 0)
  if (told[0]?.version !== version) told.unshift({ version, epoch, items: [`Version ${version}.`] })
  return told.map(changelogEntry).join('\n')
}

function changelogEntry({ version, epoch, items }: Section): string {
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000')
  const lines = items.map(item =>
    wrap(`* ${item}`)
      .map((line, index) => `${index === 0 ? '  ' : '    '}${line}\n`)
      .join(''),
  )
  return `tidegate (${debianVersion(version)}) stable; urgency=medium\n\n${lines.join('')}\n -- ${MAINTAINER}  ${date}\n`
}

const CHANGELOG_CHARS = 74

function wrap(text: string): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= CHANGELOG_CHARS) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}

interface LockedPackage {
  version: string
  license?: string
  dev?: boolean
  optional?: boolean
}

const RUNTIME = `node_modules/node-linux-${process.arch}`

/** The project's licence and those of everything that the executable has inside, word for word. */
export function copyright(root: string): string {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, LockedPackage> }
  const packages = Object.entries(lock.packages).filter(([path, { dev, optional }]) => path !== '' && !dev && !optional)
  const parts = packages.sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, locked]) => packageText(root, path, locked))
  const node = lock.packages[RUNTIME]
  return [
    OWN,
    ...parts,
    part('SQLite', undefined, 'in the public domain: https://sqlite.org/copyright.html', ''),
    part('Node.js', node?.version, 'and what it has inside', licenceText(root, RUNTIME)),
  ].join('\n')
}

const APACHE = `Licensed under the Apache License, Version 2.0.
On Debian systems its text is in /usr/share/common-licenses/Apache-2.0.`

const OWN = `tidegate. ${APACHE}

The executable has the following inside, each under its own licence.
`

function packageText(root: string, path: string, { version, license }: LockedPackage): string {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  // Debian has this text on every system, and wants it named instead of repeated.
  const text = license === 'Apache-2.0' ? APACHE : licenceText(root, path)
  return part(name, version, license ?? '', text)
}

function part(name: string, version: string | undefined, note: string, text: string): string {
  const head = [name, version, note === '' ? '' : `(${note})`].filter(each => each !== undefined && each !== '').join(' ')
  return `\n${'-'.repeat(78)}\n${head}\n\n${text.trimEnd()}\n`
}

/** A package that is declared free and has no file of its own to say so is named with its licence alone. */
function licenceText(root: string, path: string): string {
  const folder = join(root, path)
  if (!existsSync(folder)) return ''
  const file = readdirSync(folder).find(name => /^licen[cs]e(\.|$)/i.test(name))
  return file === undefined ? '' : readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n')
}
