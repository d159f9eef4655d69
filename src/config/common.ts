/** The tables that belong to no feature, and the whole of a configuration. */

import type { CheckFault, Infer, InferKeys, Outside, TableKeys, TableSchema } from '#base/schema.ts'
import { duration, enumeration, path, size, string, table } from '#base/schema.ts'
import { access } from './access.ts'
import { delayed } from './delayed.ts'
import { limits, zones } from './limits.ts'
import { retained } from './retained.ts'
import { shared } from './shared.ts'

/** `[gateway]`. */
export const gateway = table(
  {
    id: string({
      pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      patternText: 'letters, digits, ".", "_" and "-", at most 64',
      description:
        'The name of this gateway in topics and towards upstream brokers. If absent it is made once, at the first start, and kept.',
      example: 'gw-7f3a',
    }),
    data_dir: path({
      default: 'tidegate-data',
      description: 'The folder for everything that the gateway stores. If absent: `tidegate-data` in the working folder.',
      example: '/var/lib/tidegate',
    }),
  },
  { description: 'The gateway itself.' },
)

/** `[store]`. */
export const store = table(
  {
    commit_interval: duration({
      default: '5ms',
      max: '10s',
      description:
        'The most that an acknowledgement waits under load so that one write to the disk serves several. Alone it does not wait.',
    }),
    max_bytes: size({
      default: '2GiB',
      min: '16MiB',
      description: 'The most that the store takes on disk: pages in use and write-ahead log.',
    }),
    when_full: enumeration(['reject', 'drop-oldest'], {
      default: 'reject',
      description: 'What happens when the store is full: publishes that need it are refused, or the oldest messages of all sessions go.',
    }),
  },
  { description: 'The store on disk.' },
)

const commonKeys = { gateway, store, limits, zones, shared, retained, delayed, access }

/** The common tables' values. */
export type CommonConfig = { readonly [K in keyof typeof commonKeys]: Infer<(typeof commonKeys)[K]> }

/** The whole configuration: the common tables and those of the features, `{ listeners, bridges, serial, coap }`. */
export function rootSchema<const K extends TableKeys>(
  features: K,
  check?: (value: InferKeys<typeof commonKeys & K>, outside: Outside) => readonly CheckFault[],
): TableSchema<InferKeys<typeof commonKeys & K>, 'present'> {
  const keys: typeof commonKeys & K = { ...commonKeys, ...features }
  return table(keys, { description: 'The configuration of tidegate.', ...(check && { check }) })
}
