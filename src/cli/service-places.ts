/** The folders that systemd makes for the gateway as a service. */
import { basename, isAbsolute, join } from 'node:path'

/** As in `StateDirectory=tidegate`. */
const NAME = 'tidegate'

const PLACES = [
  { variable: 'STATE_DIRECTORY', key: 'gateway.data_dir', file: '' },
  { variable: 'RUNTIME_DIRECTORY', key: 'admin.socket', file: 'tidegate.sock' },
]

/**
 * Keys whose defaults those folders are (systemd.exec(5)), as `KEY=VALUE` in TOML: a configuration that names no places
 * keeps its data where the service may write. Folders of another service, which has started a gateway for purposes of its
 * own, do not count.
 */
export function servicePlaces(env: { readonly [name: string]: string | undefined }, isSet: (key: string) => boolean): string[] {
  return PLACES.flatMap(({ variable, key, file }) => {
    const folder = env[variable]?.split(':')[0]
    if (folder === undefined || !isAbsolute(folder) || basename(folder) !== NAME || isSet(key)) return []
    return [`${key}=${JSON.stringify(join(folder, file))}`]
  })
}
