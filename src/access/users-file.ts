/** A file of users, one a line: `name:hash`, as mosquitto_passwd writes it too. `#` begins a comment, blank lines are nothing. */
import { parseHash } from './password-hash.ts'
import { type User, userNameFault } from './user.ts'

/** More is not read. */
export const USERS_FILE_BYTES_MAX = 32 * 2 ** 20

export interface UsersFileFault {
  /** From 1. */
  line: number
  message: string
}

export interface UsersFileContent {
  users: Map<string, User>
  faults: UsersFileFault[]
}

/** Reads the text of a file. A line with a fault is left out. */
export function parseUsersFile(text: string): UsersFileContent {
  const users = new Map<string, User>()
  const faults: UsersFileFault[] = []
  for (const [index, written] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    const line = written.replace(/\r$/, '')
    if (line.trim() === '' || line.startsWith('#')) continue
    const fault = takeLine(line, users)
    if (fault !== undefined) faults.push({ line: index + 1, message: fault })
  }
  return { users, faults }
}

function takeLine(line: string, users: Map<string, User>): string | undefined {
  const colon = line.indexOf(':')
  if (colon < 0) return 'a line is name:hash'
  const name = line.slice(0, colon)
  const nameFault = userNameFault(name)
  if (nameFault !== undefined) return `the user name ${nameFault}`
  if (users.has(name)) return `the user ${name} stands here twice`
  const hash = parseHash(line.slice(colon + 1).trimEnd())
  if (typeof hash === 'string') return hash
  users.set(name, { name, hash, scram: undefined, createdAtMs: 0 })
  return undefined
}

/** The first faults of a file in one line. */
export function describeFaults(path: string, faults: readonly UsersFileFault[]): string {
  const [first, ...more] = faults
  const rest = more.length === 0 ? '' : `, and ${more.length} more`
  return `${path}:${first.line}: ${first.message}${rest}`
}
