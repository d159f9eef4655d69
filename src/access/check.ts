/** What `tidegate check` finds in `[access]` beyond single keys: filters that match nothing, and what is wrong in users files. */
import { type CheckFault, type Outside, suggest } from '#base/schema.ts'
import type { AccessSettings } from './settings.ts'
import { describeFaults, parseUsersFile, USERS_FILE_BYTES_MAX } from './users-file.ts'

const PLACEHOLDERS = ['client_id', 'username']

/** The faults of `[access]`, their keys relative to it. `ownDevices`: protocols of devices that the gateway itself is a client for. */
export function accessFaults(access: AccessSettings, ownDevices: readonly string[], outside: Outside): readonly CheckFault[] {
  return [...ruleFaults(access), ...usersFileFaults(access, outside), ...ownDeviceWarnings(access, ownDevices)]
}

function ruleFaults({ rules }: AccessSettings): CheckFault[] {
  const faults: CheckFault[] = []
  for (const [place, { topics = [] }] of rules.entries()) {
    for (const [index, topic] of topics.entries()) {
      const fault = topicFault(topic)
      if (fault !== undefined) faults.push({ key: `rules.${place}.topics.${index}`, ...fault })
    }
  }
  return faults
}

type Fault = Omit<CheckFault, 'key'>

function topicFault(written: string): Fault | undefined {
  const topic = written.startsWith('eq:') ? written.slice(3) : written
  for (const [, name] of topic.matchAll(/\$\{([^}]*)\}/g)) {
    if (PLACEHOLDERS.includes(name)) continue
    const hint = suggest(name, PLACEHOLDERS) ?? PLACEHOLDERS.map(each => `\${${each}}`).join(' or ')
    return { message: `there is no placeholder "\${${name}}"`, hint }
  }
  const prefix = /^\$(?:share\/[^/]*|queue|exclusive|delayed\/[^/]*)\//.exec(topic)?.[0]
  if (prefix !== undefined) {
    return { message: `"${prefix}" is no part of a topic: rules are about what stands behind it`, hint: `"${topic.slice(prefix.length)}"` }
  }
  const levels = topic.split('/')
  const isFilter = levels.every((level, i) => (level === '#' ? i === levels.length - 1 : level === '+' || !/[+#]/.test(level)))
  if (topic !== '' && isFilter) return undefined
  return { message: `"${written}" is no topic filter`, hint: '"+" and "#" stand alone in their level, "#" only in the last' }
}

function usersFileFaults({ authenticators }: AccessSettings, { readFile }: Outside): CheckFault[] {
  const faults: CheckFault[] = []
  for (const [name, { users_file: path }] of Object.entries(authenticators)) {
    const fault = path === undefined ? undefined : usersFileFault(path, readFile)
    if (fault !== undefined) faults.push({ key: `authenticators.${name}.users_file`, ...fault })
  }
  return faults
}

function usersFileFault(path: string, readFile: Outside['readFile']): Fault | undefined {
  let content: string | Uint8Array
  try {
    content = readFile(path)
  } catch (error) {
    return { message: `cannot be read: ${error instanceof Error ? error.message : String(error)}` }
  }
  if (content.length > USERS_FILE_BYTES_MAX) return { message: `is longer than ${USERS_FILE_BYTES_MAX / 2 ** 20} MiB` }
  const { faults } = parseUsersFile(typeof content === 'string' ? content : Buffer.from(content).toString('utf8'))
  return faults.length === 0 ? undefined : { message: describeFaults(path, faults), hint: 'mosquitto_passwd writes such files' }
}

/** Serial devices are clients like others: a first rule that is for somebody else silences them. */
function ownDeviceWarnings({ rules, no_match: noMatch }: AccessSettings, ownDevices: readonly string[]): CheckFault[] {
  const denies = (noMatch ?? (rules.length > 0 ? 'deny' : 'allow')) === 'deny'
  return ownDevices
    .filter(
      protocol =>
        denies && !rules.some(({ permit, who }) => permit === 'allow' && [undefined, protocol].includes(who.protocol) && !who.username),
    )
    .map(protocol => ({
      key: rules.length > 0 ? 'rules' : 'no_match',
      message: `no rule allows ${protocol} devices anything`,
      hint: `add one with who = { protocol = "${protocol}" }`,
      severity: 'warning',
    }))
}
