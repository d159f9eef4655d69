/** The users of a gateway, by way of its API while it runs, else in its store. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError, isGatewayError } from '#base/errors.ts'
import { requireConfig } from './configuration.ts'
import type { Context } from './context.ts'
import { askList, type ControlChoice, findGateway } from './locate.ts'
import { pathFrom } from './option.ts'

const SERVICE_DATA_DIR = '/var/lib/tidegate'
const USERS_MAX = 10_000_000

/** A user as the API shows it. */
export interface UserRow {
  username: string
  source: string
  scram: boolean
  created_at?: string
}

export interface Users {
  list(): Promise<UserRow[]>
  add(username: string, password: string): Promise<void>
  changePassword(username: string, password: string): Promise<void>
  remove(username: string): Promise<void>
  close(): Promise<void>
}

/** @throws GatewayError `not-running` where there is neither a gateway nor a store, and what opening a store throws */
export async function openUsers(choice: ControlChoice, context: Context): Promise<Users> {
  const running = await runningUsers(choice, context)
  return running ?? stoppedUsers(await dataDirOf(choice, context), context)
}

async function runningUsers(choice: ControlChoice, context: Context): Promise<Users | undefined> {
  const ask = await findGateway(choice, context)
  try {
    await ask('GET', '/api/v1/users?limit=1')
  } catch (error) {
    if (isGatewayError(error, 'not-running') && choice.socket === undefined) return undefined
    throw error
  }
  const path = (name: string) => `/api/v1/users/${encodeURIComponent(name)}`
  return {
    list: async () => (await askList<UserRow>(ask, '/api/v1/users', new URLSearchParams(), USERS_MAX)).data,
    add: async (username, password) => void (await ask('POST', '/api/v1/users', { username, password })),
    changePassword: async (username, password) => void (await ask('POST', `${path(username)}/password`, { password })),
    remove: async username => void (await ask('DELETE', path(username))),
    close: async () => {},
  }
}

async function stoppedUsers(dataDir: string, context: Context): Promise<Users> {
  requireOwner(dataDir)
  const users = await context.parts.openStoppedUsers(dataDir)
  return {
    list: async () =>
      users.list().map(({ createdAtMs, ...user }) => ({
        ...user,
        ...(createdAtMs > 0 && { created_at: new Date(createdAtMs).toISOString() }),
      })),
    add: (username, password) => users.add(username, password),
    changePassword: (username, password) => users.changePassword(username, password),
    remove: username => users.remove(username),
    close: () => users.close(),
  }
}

/** Where the store lies. A place that was named is the only one, and is made if it is not there. */
async function dataDirOf(choice: ControlChoice, context: Context): Promise<string> {
  const { env, folder } = context
  const named = choice['data-dir']
  if (named !== undefined) return pathFrom(folder, named)
  if (choice.config !== undefined) return (await requireConfig({ config: choice.config }, context)).config.gateway.data_dir
  const fromEnvironment = env['TIDEGATE_GATEWAY__DATA_DIR']
  if (fromEnvironment) return pathFrom(folder, fromEnvironment)
  const usual = [join(folder, 'tidegate-data'), SERVICE_DATA_DIR]
  const found = usual.find(each => existsSync(each))
  if (found !== undefined) return found
  throw new GatewayError('not-running', `no gateway answers, and there is no store at ${usual.join(' or ')}`, {
    hint: 'say which gateway is meant with -c or --data-dir',
  })
}

/** Files that root makes in the folder of a service would keep that service from starting. */
function requireOwner(dataDir: string): void {
  const owner = statSync(dataDir, { throwIfNoEntry: false })?.uid
  if (owner === undefined || owner === 0 || process.getuid?.() !== 0) return
  throw new GatewayError('not-authorized', `the store in ${dataDir} belongs to the user with the number ${owner}`, {
    hint: `run this as that user, such as with: sudo -u '#${owner}' tidegate …`,
  })
}
