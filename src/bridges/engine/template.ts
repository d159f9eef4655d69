/** Topic templates: `site-7/${topic}`, `cmd/${rest}`, `up/${1}/${client}`. `$${` stands for `${` itself. */
import { plainFilter, RouteFilter, topicLevel } from '#base/topic-filter.ts'

/** What is not in the topic. */
export interface TemplateContext {
  gateway: string
  client: string
}

type Part =
  | { kind: 'text'; text: string }
  | { kind: 'topic' | 'gateway' | 'client' }
  | { kind: 'level'; index: number }
  /** `slash`: the `/` in front of it, which goes with it when `#` matched nothing. */
  | { kind: 'rest'; slash: string }

export type TemplateReading = { ok: true; template: TopicTemplate } | { ok: false; message: string; hint?: string }

const PLACEHOLDERS = '${topic}, ${rest}, ${1}, ${2}…, ${gateway}, ${client}'

/** A filter and what becomes of the topics that match it. */
export class TopicTemplate {
  readonly filter: RouteFilter
  readonly #parts: readonly Part[]

  /** Use {@link readTemplate}. */
  constructor(filter: RouteFilter, parts: readonly Part[]) {
    this.filter = filter
    this.#parts = parts
  }

  /** The topic that `topic` becomes, or undefined if it does not match the filter. May still be too long, or empty. */
  apply(topic: string, context: TemplateContext): string | undefined {
    const match = this.filter.match(topic)
    if (match === undefined) return undefined
    let result = ''
    for (const part of this.#parts) {
      if (part.kind === 'text') result += part.text
      else if (part.kind === 'topic') result += topic
      else if (part.kind === 'level') result += topicLevel(match.levels[part.index])
      else if (part.kind === 'rest') result += match.rest === undefined ? '' : part.slash + match.rest
      else result += topicLevel(context[part.kind])
    }
    return result
  }

  /** Whether what it makes depends on the publisher, so that it cannot be remembered by topic. */
  get dependsOnClient(): boolean {
    return this.#parts.some(part => part.kind === 'client')
  }

  /** A filter that matches every topic that it can make; for finding loops. */
  get range(): string {
    const last = this.#parts.at(-1)
    const before = this.#parts.slice(0, -1)
    if (last?.kind === 'topic' && before.every(part => part.kind === 'text')) {
      const prefix = before.map(part => (part.kind === 'text' ? part.text : '')).join('')
      if (prefix === '' || prefix.endsWith('/')) return prefix + plainFilter(this.filter.text)
    }
    const levels = this.#parts.map(part => {
      if (part.kind === 'text') return part.text
      if (part.kind === 'rest') return `${part.slash}\0`
      return part.kind === 'topic' ? '\0' : '\x01'
    })
    const filter: string[] = []
    for (const level of levels.join('').split('/')) {
      if (level.includes('\0')) return [...filter, '#'].join('/')
      filter.push(level.includes('\x01') ? '+' : level)
    }
    return filter.join('/')
  }
}

/** Reads a template for topics that match `from` (a valid filter); says what is wrong with it otherwise. */
export function readTemplate(to: string, from: string): TemplateReading {
  const filter = new RouteFilter(from)
  const parts: Part[] = []
  let text = ''
  for (let i = 0; i < to.length; ) {
    if (to.startsWith('$${', i)) {
      text += '${'
      i += 3
    } else if (to.startsWith('${', i)) {
      const end = to.indexOf('}', i)
      if (end < 0)
        return { ok: false, message: 'a placeholder has no end', hint: 'close it with }, or write $${ for the characters themselves' }
      const part = readPlaceholder(to.slice(i + 2, end), filter)
      if ('message' in part) return { ok: false, ...part }
      if (part.kind === 'rest' && text.endsWith('/')) {
        text = text.slice(0, -1)
        part.slash = '/'
      }
      if (text !== '') parts.push({ kind: 'text', text })
      text = ''
      parts.push(part)
      i = end + 1
    } else text += to[i++]
  }
  if (text !== '') parts.push({ kind: 'text', text })
  const wild = parts.find(part => part.kind === 'text' && /[+#]/.test(part.text))
  if (wild !== undefined)
    return {
      ok: false,
      message: 'a topic to publish on has no wildcards',
      hint: '${1} is what the first + matched, ${rest} what # matched',
    }
  if (parts.some(part => part.kind === 'text' && part.text.includes('\0'))) return { ok: false, message: 'a topic has no NUL' }
  return parts.length === 0 ? { ok: false, message: 'must not be empty' } : { ok: true, template: new TopicTemplate(filter, parts) }
}

function readPlaceholder(name: string, filter: RouteFilter): Part | { message: string; hint: string } {
  const { plus, hash } = filter.wildcards
  if (name === 'topic' || name === 'gateway' || name === 'client') return { kind: name }
  if (name === 'rest') {
    return hash
      ? { kind: 'rest', slash: '' }
      : { message: '${rest} is what # matched, and the filter has no #', hint: `the filter is ${filter.text}` }
  }
  if (!/^[1-9]\d*$/.test(name)) return { message: `there is no placeholder \${${name}}`, hint: PLACEHOLDERS }
  const index = Number(name) - 1
  if (index < plus) return { kind: 'level', index }
  const has = plus === 0 ? 'no +' : plus === 1 ? 'one + only' : `${plus} + only`
  return { message: `\${${name}} is what the ${name}. + matched, and the filter has ${has}`, hint: `the filter is ${filter.text}` }
}
