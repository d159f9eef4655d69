/** The reference page in Markdown, made from a schema. */

import type { AnySchema, ChoiceSchema, Plain, ScalarSchema, TableSchema } from '#base/schema.ts'

const INTRODUCTION = `# Configuration reference

This page is generated from the schemas in the source; do not edit it.

tidegate reads one file in [TOML](https://toml.io). \`tidegate check -c FILE\` says what is wrong with one, each fault as
\`FILE:LINE:COLUMN: KEY: what is wrong (hint)\`. An editor that knows JSON Schema completes keys with \`tidegate.schema.json\`: put
\`#:schema ./tidegate.schema.json\` into the first line of the file.

## How values are written

| type | written as |
|---|---|
| size | \`"64KiB"\`, \`"2GB"\`: a number and one of B, KB, MB, GB (thousands), KiB, MiB, GiB (1024s); or a number of bytes |
| duration | \`"5ms"\`, \`"30s"\`, \`"5m"\`, \`"2h"\`, \`"7d"\` |
| address | \`"127.0.0.1:1883"\`, \`"[::1]:1883"\`; \`0.0.0.0\` and \`[::]\` are every interface; port 0 lets the system choose |
| path | a file or folder; a relative one counts from the folder of the configuration file |
| secret | the text itself, or under the same key with \`_file\` the name of a file that holds it |
| name | small letters, digits and \`-\`, beginning with a letter |

## Where values come from

Defaults are overridden by the file, the file by the environment, the environment by \`--set\`. Tables are merged key by key;
lists and single values are replaced.

- \`--set KEY=VALUE\` takes any key: \`--set listeners.local.bind=127.0.0.1:2883\`. Places in lists are numbers from 0:
  \`--set access.rules.0.permit=deny\`; the number after the last place adds one.
- The environment variable of a key is \`TIDEGATE_\` and the key in capitals, each dot as two underscores, \`-\` and \`_\` both as
  one: \`TIDEGATE_LISTENERS__LOCAL__BIND\`, \`TIDEGATE_LIMITS__MAX_PACKET\`, \`TIDEGATE_ACCESS__RULES__0__PERMIT\`. Where a name of
  the file and the variable agree but for \`-\`, that name is meant. Names with two hyphens side by side cannot be written so.
- Values of both are TOML, and what is no TOML is text: \`true\`, \`5\`, \`["a", "b"]\`, \`127.0.0.1:1883\`. A key that wants text gets the text
  as it stands, \`1234\` too.
`

interface Section {
  readonly header: string
  readonly schema: TableSchema
  /** What the table is, where its map or choice says it better. */
  readonly description: string
  readonly discriminator?: { readonly key: string; readonly word: string; readonly choice: ChoiceSchema }
  readonly name: string | undefined
}

/** A page with one part for each table: its keys with type, default, unit, range and meaning, and an example. */
export function referencePage(root: TableSchema): string {
  const sections = Object.entries(root.keys).flatMap(([key, schema]) => sectionsOf(schema, [key], false))
  const contents = sections.map(({ header }) => `- [${codeOf(header)}](#${anchorOf(header)})`).join('\n')
  return `${INTRODUCTION}\n## Tables\n\n${contents}\n\n${sections.map(sectionText).join('\n')}`
}

/** The section of a table, then those of the tables in it. */
function sectionsOf(schema: AnySchema, path: readonly string[], inList: boolean, description?: string): Section[] {
  switch (schema.kind) {
    case 'table':
      return [tableSection(schema, path, inList, description), ...innerSections(schema, path)]
    case 'map':
      return sectionsOf(schema.item, [...path, 'NAME'], false, joinText(schema.description, schema.item.description))
    case 'list':
      return sectionsOf(schema.item, path, true, joinText(schema.description, schema.item.description))
    case 'choice':
      return Object.entries(schema.variants).flatMap(([word, variant]) => {
        const text = joinText(variant.description, description ?? schema.description)
        const section = tableSection(variant, path, inList, text)
        const header = `${section.header} with ${schema.discriminator} = "${word}"`
        const discriminator = { key: schema.discriminator, word, choice: schema }
        return [{ ...section, header, discriminator }, ...innerSections(variant, path)]
      })
    default:
      return []
  }
}

function innerSections(schema: TableSchema, path: readonly string[]): Section[] {
  return Object.entries(schema.keys).flatMap(([key, each]) => sectionsOf(each, [...path, key], false))
}

function tableSection(schema: TableSchema, path: readonly string[], inList: boolean, description = schema.description): Section {
  const header = inList ? `[[${path.join('.')}]]` : `[${path.join('.')}]`
  return { header, schema, description, name: path.includes('NAME') ? path[0] : undefined }
}

function joinText(...parts: readonly string[]): string {
  return [...new Set(parts.filter(part => part !== ''))].join(' ')
}

function sectionText(section: Section): string {
  const { schema, header, description, discriminator } = section
  const rows = Object.entries(schema.keys).flatMap(([key, each]) => row(key, each))
  if (discriminator !== undefined) rows.unshift(discriminatorRow(discriminator.key, discriminator.choice))
  const keys = rows.length === 0 ? '' : `\n| key | type | default | range | meaning |\n|---|---|---|---|---|\n${rows.join('\n')}\n`
  return `### ${codeOf(header)}\n\n${description}\n${keys}${exampleText(section)}`
}

function discriminatorRow(key: string, schema: ChoiceSchema): string {
  const words = Object.keys(schema.variants).map(word => `\`"${word}"\``)
  return cells(
    `\`${key}\``,
    'text',
    schema.default === undefined ? 'required' : `\`"${schema.default}"\``,
    words.join(', '),
    'What the other keys depend on.',
  )
}

function row(key: string, schema: AnySchema): string[] {
  const meaning = schema.deprecated === undefined ? schema.description : `Out of date: ${schema.deprecated}. ${schema.description}`
  switch (schema.kind) {
    case 'scalar': {
      const range = [schema.range, schema.unit].filter(part => part !== undefined && part !== 'bytes').join(' ')
      return [cells(`\`${key}\``, schema.typeName, defaultText(schema), range, meaning)]
    }
    case 'secret':
      return [cells(`\`${key}\`, \`${key}_file\``, 'secret', schema.presence === 'present' ? 'required' : '', '', meaning)]
    case 'list': {
      if (schema.item.kind !== 'scalar') return [cells(`\`${key}\``, 'list of tables', '', '', meaning)]
      const shown =
        schema.presence === 'optional' ? '' : schema.min > 0 && schema.default.length === 0 ? 'required' : `\`${toml(schema.default)}\``
      return [cells(`\`${key}\``, `list of ${schema.item.typeName}`, shown, schema.item.range ?? '', meaning)]
    }
    case 'map':
      if (schema.item.kind === 'scalar') return [cells(`\`${key}.NAME\``, schema.item.typeName, '', schema.item.range ?? '', meaning)]
      return [cells(`\`${key}\``, 'tables by name', '', '', meaning)]
    default:
      return [cells(`\`${key}\``, 'table', '', '', meaning)]
  }
}

function defaultText(schema: ScalarSchema): string {
  if (schema.default !== undefined) return `\`${toml(schema.default)}\``
  return schema.presence === 'present' ? 'required' : ''
}

function cells(...texts: readonly string[]): string {
  return `| ${texts.map(text => text.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
    .replaceAll('|  |', '| |')
    .replaceAll('|  |', '| |')
}

/** An example of every key that has a value to show. */
function exampleText({ schema, header, discriminator, name }: Section): string {
  const lines: string[] = discriminator === undefined ? [] : [`${discriminator.key} = "${discriminator.word}"`]
  for (const [key, each] of Object.entries(schema.keys)) {
    const value = each.example ?? (each.kind === 'scalar' ? each.default : undefined)
    if (each.kind === 'secret') lines.push(`${key}_file = "${key}.txt"`)
    else if (value !== undefined && (each.kind === 'scalar' || each.kind === 'list')) lines.push(`${key} = ${toml(value)}`)
  }
  if (lines.length === 0) return ''
  const opening = header.replace(/ with .*$/, '').replace('NAME', exampleNames[name ?? ''] ?? 'example')
  return `\n\`\`\`toml\n${opening}\n${lines.join('\n')}\n\`\`\`\n`
}

const exampleNames: { readonly [map: string]: string } = { listeners: 'local', bridges: 'cloud', zones: 'field', serial: 'meter' }

/** A value as TOML writes it in one line. */
export function toml(value: Plain): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return `[${value.map(toml).join(', ')}]`
  const pairs = Object.entries(value).map(([key, each]) => `${/^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key)} = ${toml(each)}`)
  return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`
}

function codeOf(header: string): string {
  return `\`${header}\``
}

function anchorOf(header: string): string {
  return header
    .toLowerCase()
    .replace(/[^a-z0-9 _-]/g, '')
    .replaceAll(' ', '-')
}
