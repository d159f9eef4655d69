/** Paths and secrets. */

import { resolve } from 'node:path'
import type { KeyOptions, PresenceOf, ScalarSchema, SecretSchema } from './model.ts'
import { presenceOf, readFault, readOk } from './model.ts'
import { readText, scalar } from './scalar.ts'

type PathOptions = KeyOptions & { readonly default?: string; readonly required?: boolean }

/** A file or folder. A relative path counts from the folder of the configuration file; the value is absolute. */
export function path<const O extends PathOptions>(options: O): ScalarSchema<string, PresenceOf<O>> {
  return scalar(
    {
      typeName: 'path',
      textual: true,
      json: { type: 'string', minLength: 1 },
      read(written, place) {
        const text = readText(written)
        if (!text.ok) return text
        if (text.value === '') return readFault('must not be empty')
        if (text.value.includes('\0')) return readFault('must not hold control characters')
        if (text.value.startsWith('~/')) return readFault('"~" is not replaced in paths', 'the whole path, such as "/home/pi/…"')
        return readOk(resolve(place.folder, text.value))
      },
    },
    options,
  )
}

/**
 * A password, key or token. In a table it brings the key `NAME_file` with it; the value is the text itself or the
 * file's text without the newline at its end. Never shown in a message.
 */
export function secret<const O extends KeyOptions & { readonly required?: boolean }>(options: O): SecretSchema<PresenceOf<O>> {
  const { description, deprecated, example } = options
  return { kind: 'secret', presence: presenceOf(options), description, deprecated, example }
}
