/** CoRE Link Format (`RFC 6690`): how a server lists its resources, and how a client filters the list. */

export interface Link {
  /** Absolute path, plain text: `/ps`. */
  readonly href: string
  /** Attribute → value; `true` for one without a value (`obs`). Values with blanks are lists (`rt`, `if`). */
  readonly attributes: Readonly<Record<string, string | number | true>>
}

/** `</ps>;rt="core.ps";ct=40,</x>` */
export function encodeLinks(links: readonly Link[]): string {
  return links.map(encodeLink).join(',')
}

function encodeLink({ href, attributes }: Link): string {
  let text = `<${encodeURI(href)}>`
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) text += `;${name}`
    else if (typeof value === 'number') text += `;${name}=${value}`
    else text += `;${name}="${value.replace(/["\\]/g, '\\$&')}"`
  }
  return text
}

// Attributes whose value is a list separated by blanks (`RFC 6690 §3`): a filter matches any one of its parts.
const LISTS: ReadonlySet<string> = new Set(['rt', 'if', 'rel', 'rev', 'ct'])

/**
 * The links that match all `query` parts (`RFC 6690 §4.1`): `name=value`, a trailing `*` matches any rest, `href` matches
 * the path. Parts without `=` match links that have the attribute.
 */
export function filterLinks(links: readonly Link[], query: readonly string[]): Link[] {
  return links.filter(link => query.every(part => matches(link, part)))
}

function matches(link: Link, part: string): boolean {
  const equals = part.indexOf('=')
  const name = equals < 0 ? part : part.slice(0, equals)
  const value = name === 'href' ? link.href : Object.hasOwn(link.attributes, name) ? link.attributes[name] : undefined
  if (value === undefined) return false
  if (equals < 0) return true
  if (value === true) return false
  const pattern = part.slice(equals + 1).replace(/^"(.*)"$/, '$1')
  const candidates = LISTS.has(name) ? [String(value), ...String(value).split(' ')] : [String(value)]
  return candidates.some(candidate => (pattern.endsWith('*') ? candidate.startsWith(pattern.slice(0, -1)) : candidate === pattern))
}
