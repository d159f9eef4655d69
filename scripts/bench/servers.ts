/** The servers that can be measured: how each is configured and started. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { certificate } from './certificate.ts'
import type { Transport } from './job.ts'
import type { ExtraServer } from './options.ts'

export interface ServerSetting {
  port: number
  /** Its own folder, new and empty. */
  folder: string
  /** Sessions and retained messages are to be kept on disk. */
  keepsData: boolean
  transport: Transport
}

export interface ServerDefinition {
  name: string
  /** The project's own: what it loses is a fault. */
  own: boolean
  /** Files to write into the folder before the first start. */
  files(setting: ServerSetting): Record<string, string>
  command(setting: ServerSetting): string[]
}

const ROOT = join(import.meta.dirname, '../..')

/** Queue limits are lifted everywhere: otherwise dropping would be measured. */
export function tidegate(program: string): ServerDefinition {
  return {
    name: 'tidegate',
    own: true,
    files: ({ port, transport }) => ({
      ...certificate(transport),
      'tidegate.toml': [
        '[gateway]',
        'data_dir = "data"',
        '[limits]',
        'queue_messages = 10000000',
        'queue_bytes = "1GiB"',
        '[listeners.local]',
        'protocol = "mqtt"',
        `transport = "${transport}"`,
        `bind = "127.0.0.1:${port}"`,
        ...(transport === 'tls' ? ['tls = { cert = "server.pem", key = "server.key" }'] : []),
        '[admin]',
        'bind = "off"',
        '',
      ].join('\n'),
    }),
    command: ({ folder }) => [program, 'run', '-c', join(folder, 'tidegate.toml')],
  }
}

/** With persistence as Debian ships it where data is kept (written every half hour and at the end), without it elsewhere. */
export function mosquitto(program: string): ServerDefinition {
  return {
    name: 'mosquitto',
    own: false,
    files: ({ port, folder, keepsData, transport }) => ({
      ...certificate(transport),
      'mosquitto.conf': [
        // As root it would give up its rights, and with them the folder.
        ...(process.getuid?.() === 0 ? ['user root'] : []),
        `listener ${port} 127.0.0.1`,
        // It takes a server with WebSocket listeners alone for one that listens to nobody, and ends.
        ...(transport === 'ws' ? ['protocol websockets', `listener 0 ${folder}/plain.sock`] : []),
        ...(transport === 'tls' ? [`certfile ${folder}/server.pem`, `keyfile ${folder}/server.key`] : []),
        'allow_anonymous true',
        'max_queued_messages 0',
        'log_type error',
        ...(keepsData ? ['persistence true', `persistence_location ${folder}/`] : ['persistence false']),
        '',
      ].join('\n'),
    }),
    command: ({ folder }) => [program, '-c', join(folder, 'mosquitto.conf')],
  }
}

export function extraServer({ name, command }: ExtraServer): ServerDefinition {
  const filled = ({ port, folder }: ServerSetting) => command.replaceAll('{port}', String(port)).replaceAll('{dir}', folder)
  return { name, own: false, files: () => ({}), command: setting => ['/bin/sh', '-c', `exec ${filled(setting)}`] }
}

export interface Choice {
  servers: ServerDefinition[]
  /** What is missing, and what follows from it. */
  remarks: string[]
}

/** The servers of these names, all for none; the gateway is built if it is not there. @throws on an unknown name, or when none is left */
export function chooseServers(names: readonly string[], extra: readonly ExtraServer[]): Choice {
  const known = ['tidegate', 'mosquitto', ...extra.map(server => server.name)]
  const unknown = names.find(name => !known.includes(name))
  if (unknown !== undefined) throw new Error(`no server is called ${unknown}; there are ${known.join(', ')}`)
  const wanted = (name: string) => names.length === 0 || names.includes(name)
  const servers: ServerDefinition[] = []
  const remarks: string[] = []
  if (wanted('tidegate')) servers.push(tidegate(builtGateway()))
  if (wanted('mosquitto')) {
    const program = findProgram('mosquitto')
    if (program !== undefined) servers.push(mosquitto(program))
    else remarks.push('mosquitto is not installed (Debian package mosquitto): ratios to it are left out')
  }
  for (const server of extra) if (wanted(server.name)) servers.push(extraServer(server))
  if (servers.length === 0) throw new Error('there is no server to measure')
  return { servers, remarks }
}

function builtGateway(): string {
  const program = join(ROOT, 'dist/tidegate')
  if (!existsSync(program)) {
    const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts/build.ts')], { cwd: ROOT, stdio: ['ignore', 2, 2] })
    if (status !== 0 || !existsSync(program)) throw new Error('the gateway could not be built')
  }
  return program
}

/** Debian keeps daemons where only root's PATH leads. */
function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter).filter(folder => folder !== ''), '/usr/local/sbin', '/usr/sbin']
  return folders
    .map(folder => join(folder, name))
    .find(path => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
