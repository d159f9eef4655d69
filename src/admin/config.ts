/** The `[admin]` table. */
import { bind, isLoopback, path, readOk, type SocketAddress, scalar, table } from '#base/schema.ts'

/** Where probes and metrics are served: an address, or nowhere. */
export type AdminBind = SocketAddress | 'off'

const address = bind({ description: '' })

export const adminSchema = table(
  {
    bind: scalar<AdminBind, { description: string; default: string }>(
      {
        typeName: 'address',
        textual: true,
        json: { type: 'string', anyOf: [address.json, { const: 'off' }] },
        range: 'host:port on loopback, or "off"',
        read(written, place) {
          if (written.type === 'string' && written.value === 'off') return readOk<AdminBind>('off')
          return address.read(written, place) as ReturnType<typeof readOk<AdminBind>>
        },
      },
      {
        description: 'Where /healthz, /readyz and /metrics are served over TCP without a login. The whole API is on the control socket.',
        default: '127.0.0.1:18083',
      },
    ),
    socket: path({
      description:
        'The control socket that the tidegate command uses; whoever may open it has full rights. Default: tidegate.sock in the data directory.',
    }),
  },
  {
    description: 'The admin interface.',
    check({ bind: at }) {
      if (at === 'off' || isLoopback(at)) return []
      const hint = 'use 127.0.0.1 and reach it through a tunnel or a proxy that asks for a login'
      return [{ key: 'bind', message: 'may not go beyond loopback without tls and users', hint }]
    },
  },
)
