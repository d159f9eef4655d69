/** Who may import whom in `src/`: the rules that `check-dependencies.ts` holds with dependency-cruiser. */
import type { IForbiddenRuleType } from 'dependency-cruiser'

/** The ports of any folder: its `ports.ts`, or `…-port.ts` where there are several. */
const PORTS = '^src/.+/(ports|[a-z-]+-port)\\.ts$'

/** What each folder may import beside itself and packages. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  base: [],
  codecs: ['^src/base/'],
  access: ['^src/base/', PORTS],
  rules: ['^src/base/'],
  broker: ['^src/base/'],
  listeners: ['^src/base/', '^src/codecs/(websocket|proxy-protocol)/'],
  store: ['^src/base/', PORTS],
  clients: ['^src/base/', '^src/codecs/'],
  adapters: ['^src/base/', '^src/codecs/', '^src/broker/ports\\.ts$', '^src/listeners/types\\.ts$'],
  bridges: ['^src/base/', '^src/codecs/', '^src/clients/', '^src/broker/ports\\.ts$'],
  config: ['^src/base/', PORTS],
  admin: ['^src/base/', PORTS],
  system: ['^src/base/', PORTS],
  cli: ['^src/base/', '^src/codecs/', '^src/clients/', '^src/config/'],
}

/** Node's modules for sockets, files, child processes and threads, and the native packages. */
const IO = [
  '^(node:)?(fs|net|dgram|tls|dns|http|https|http2|child_process|worker_threads|cluster|readline|repl|inspector|sea|sqlite)(/|$)',
  '(^|/)(serialport|@serialport/[^/]+|better-sqlite3)(/|$)',
]
const IO_ALLOWED = ['/transport\\.ts$', '^src/(listeners|store|admin|system|cli)/', '^src/(main|gateway)\\.ts$', '^src/gateway/']

const folderRules = Object.entries(MAY_IMPORT).map(
  ([folder, others]): IForbiddenRuleType => ({
    name: `${folder}-imports`,
    comment: `src/${folder} may import only itself${others.length > 0 ? ' and ' : ''}${others.join(', ')}`,
    severity: 'error',
    from: { path: `^src/${folder}/` },
    to: { path: '^(src|test|scripts)/', pathNot: [`^src/${folder}/`, ...others] },
  }),
)

export const RULES: IForbiddenRuleType[] = [
  ...folderRules,
  {
    name: 'adapters-apart',
    comment: 'no adapter imports another; adapters/lwm2m may import adapters/coap/index.ts',
    severity: 'error',
    from: { path: '^src/adapters/([^/]+)/', pathNot: '^src/adapters/lwm2m/' },
    to: { path: '^src/adapters/[^/]+/', pathNot: '^src/adapters/$1/' },
  },
  {
    name: 'lwm2m-on-coap',
    comment: 'adapters/lwm2m may import adapters/coap/index.ts and no other adapter',
    severity: 'error',
    from: { path: '^src/adapters/lwm2m/' },
    to: { path: '^src/adapters/[^/]+/', pathNot: ['^src/adapters/lwm2m/', '^src/adapters/coap/index\\.ts$'] },
  },
  {
    name: 'known-folder',
    comment: 'every folder of src/ has its rule here',
    severity: 'error',
    from: { path: '^src/', pathNot: [`^src/(${Object.keys(MAY_IMPORT).join('|')}|gateway)/`, '^src/(main|gateway|registry)\\.ts$'] },
    to: {},
  },
  {
    name: 'main-alone',
    comment: 'nothing imports main.ts; gateway and registry are for main alone, and the registry for the gateway',
    severity: 'error',
    from: { path: '^src/', pathNot: ['^src/(main|gateway|registry)\\.ts$', '^src/gateway/'] },
    to: { path: ['^src/(main|gateway|registry)\\.ts$', '^src/gateway/'] },
  },
  { name: 'main-is-top', comment: 'nothing imports main.ts', severity: 'error', from: {}, to: { path: '^src/main\\.ts$' } },
  {
    name: 'no-cycle',
    comment: 'modules that need each other at run time are one module in two files',
    severity: 'error',
    from: {},
    to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
  },
  {
    name: 'resolvable',
    comment: 'an import that leads nowhere escapes every other rule',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'io-in-its-place',
    comment:
      'sockets, files, child processes, serial ports and SQLite only in transport.ts, listeners, store, admin, system, cli, main and gateway',
    severity: 'error',
    from: { path: '^src/', pathNot: IO_ALLOWED },
    to: { path: IO },
  },
  {
    name: 'crypto-in-base',
    comment: 'in base only the system clock draws random bytes',
    severity: 'error',
    from: { path: '^src/base/', pathNot: '^src/base/system-clock\\.ts$' },
    to: { path: '^(node:)?crypto$' },
  },
]
