import type { Written } from './model.ts'

const QUOTED_CHARS_MAX = 60

/** `text` in double quotes on one line, control characters escaped, long text cut. For messages, not for machines. */
export function quote(text: string): string {
  const cut = text.length > QUOTED_CHARS_MAX ? `${text.slice(0, QUOTED_CHARS_MAX).toWellFormed()}…` : text
  return JSON.stringify(cut).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, char => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** A written value as a message shows it. */
export function showWritten(written: Written): string {
  if (written.type === 'string') return quote(written.value)
  return String(written.value)
}

/** `"a", "b" or "c"`. */
export function alternatives(values: readonly string[]): string {
  const quoted = values.map(quote)
  const last = quoted.pop() ?? ''
  return quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`
}
