import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The programs that tests talk to or build with: their names, and Debian's package for each. */
const PEERS = {
  mosquitto: { programs: ['mosquitto'], package: 'mosquitto' },
  mosquitto_passwd: { programs: ['mosquitto_passwd'], package: 'mosquitto' },
  mosquitto_pub: { programs: ['mosquitto_pub'], package: 'mosquitto-clients' },
  mosquitto_sub: { programs: ['mosquitto_sub'], package: 'mosquitto-clients' },
  mosquitto_rr: { programs: ['mosquitto_rr'], package: 'mosquitto-clients' },
  'coap-client': { programs: ['coap-client', 'coap-client-notls', 'coap-client-openssl', 'coap-client-gnutls'], package: 'libcoap3-bin' },
  'coap-server': { programs: ['coap-server', 'coap-server-notls', 'coap-server-openssl', 'coap-server-gnutls'], package: 'libcoap3-bin' },
  socat: { programs: ['socat'], package: 'socat' },
  'paho-python': { programs: ['/usr/bin/python3', 'python3'], package: 'python3-paho-mqtt', works: ['-c', 'import paho.mqtt.client'] },
  openssl: { programs: ['openssl'], package: 'openssl' },
  mke2fs: { programs: ['mke2fs'], package: 'e2fsprogs' },
  gcc: { programs: ['gcc'], package: 'gcc' },
  lintian: { programs: ['lintian'], package: 'lintian' },
  man: { programs: ['man'], package: 'man-db' },
  mmdebstrap: { programs: ['mmdebstrap'], package: 'mmdebstrap' },
  'systemd-analyze': { programs: ['systemd-analyze'], package: 'systemd' },
  'qemu-aarch64': { programs: ['qemu-aarch64-static'], package: 'qemu-user-static' },
  'aarch64-libraries': { programs: ['aarch64-linux-gnu-g++'], package: 'g++-aarch64-linux-gnu' },
  unshare: { programs: ['unshare'], package: 'util-linux; as root', works: ['--mount', 'true'] },
} satisfies Record<string, Peer>

interface Peer {
  programs: string[]
  package: string
  /** Arguments with which the program must succeed to be of use. */
  works?: string[]
}

export type PeerName = keyof typeof PEERS

/** What a missing peer needs of a test. */
interface Judge {
  fail(message: string): unknown
  pass(message: string, extra: { skip: string }): unknown
}

/** Debian keeps daemons and file system tools where only root's PATH leads. */
const MORE_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/**
 * The path of a program that a test needs: `const mosquitto = peer(t, 'mosquitto'); if (!mosquitto) return`.
 * Undefined when it is missing; then the test has been marked as skipped, or as failed where CI=true.
 */
export function peer(t: Judge, name: PeerName, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const wanted: Peer = PEERS[name]
  for (const program of wanted.programs) {
    const path = find(program, environment)
    if (path !== undefined && (wanted.works === undefined || spawnSync(path, wanted.works).status === 0)) return path
  }
  const message = `${name} is not installed (Debian package ${wanted.package})`
  if (environment['CI'] === 'true') t.fail(message)
  else t.pass(name, { skip: message })
  return undefined
}

function find(program: string, environment: NodeJS.ProcessEnv): string | undefined {
  const folders = program.startsWith('/') ? [''] : [...(environment['PATH'] ?? '').split(delimiter), ...MORE_FOLDERS]
  for (const folder of folders) {
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not here.
    }
  }
  return undefined
}
