import { askList, controlOptions, findGateway, jsonOption } from '../locate.ts'
import { text, time, usage } from '../option.ts'
import { type Column, printable, tableLines } from '../table.ts'
import { showAge, showSeconds } from '../units.ts'
import { EXIT, verb } from '../verb.ts'

const ACTIONS = ['add', 'rm', 'ls'] as const
const BANS_MAX = 1_000_000

/** A ban as the API shows it. */
interface BanRow {
  kind: string
  value: string
  by: string
  reason: string
  created_at?: string
  remaining_seconds?: number
}

const KIND_WORDS: Record<string, string> = { client_id: 'client', username: 'user', address: 'address' }

const columns = (nowMs: number): readonly Column<BanRow>[] => [
  { title: 'KIND', value: row => KIND_WORDS[row.kind] ?? row.kind },
  { title: 'VALUE', value: row => row.value },
  { title: 'BY', value: row => row.by },
  { title: 'SINCE', right: true, value: row => showAge(row.created_at, nowMs) },
  { title: 'FOR', right: true, value: row => (row.remaining_seconds === undefined ? 'ever' : showSeconds(row.remaining_seconds)) },
  { title: 'REASON', value: row => row.reason || '-' },
]

export const banVerb = verb({
  name: 'ban',
  group: 'control',
  summary: 'shuts out a client, a user or a network, for a time or for ever: add, rm, ls',
  description:
    'Who is meant is disconnected and does not get in again; sessions stay. Bans are kept over restarts. The gateway makes bans ' +
    'of its own against the guessing of passwords (access.failed_logins) and against flapping (access.flapping).',
  positionals: [{ name: 'ACTION', summary: 'add, rm or ls', required: true }],
  options: {
    ...controlOptions,
    client: text('ID', 'the client id'),
    user: text('NAME', 'the user name'),
    address: text('NETWORK', 'the address or network, such as 192.0.2.7 or 192.0.2.0/24'),
    for: time('TIME', 'how long, such as 30m or 7d; without it for ever'),
    reason: text('TEXT', 'why, for whoever looks at the list'),
    json: jsonOption,
  },
  examples: [
    ['add --client meter-7 --for 1h --reason noisy', 'shuts a client out for an hour'],
    ['add --address 198.51.100.0/24', 'shuts a network out'],
    ['rm --client meter-7', 'lets it in again'],
  ],
  async run(values, positionals, context) {
    const [written] = positionals
    const action = ACTIONS.find(each => each === written)
    if (action === undefined) throw usage(`${JSON.stringify(written)} is none of ${ACTIONS.join(', ')}`)
    const { client, user, address } = values
    const subjects = [['client_id', client] as const, ['username', user] as const, ['address', address] as const]
    const given = subjects.filter((pair): pair is readonly [(typeof pair)[0], string] => pair[1] !== undefined)
    if (given.length !== (action === 'ls' ? 0 : 1)) {
      throw usage(action === 'ls' ? 'ls takes no client, user or address' : `${action} wants one of --client, --user and --address`)
    }
    const ask = await findGateway(values, context)
    if (action === 'ls') {
      const body = await askList<BanRow>(ask, '/api/v1/bans', new URLSearchParams(), BANS_MAX)
      if (values.json) context.terminal.line(JSON.stringify(body, undefined, 2))
      else if (body.data.length === 0) context.terminal.complain('there is no ban')
      else context.terminal.line(tableLines(columns(context.parts.clock.now()), body.data).join('\n'))
      return EXIT.done
    }
    const [[kind, value]] = given
    const what = `the ${KIND_WORDS[kind]} ${printable(value)}`
    if (action === 'rm') {
      await ask('DELETE', `/api/v1/bans/${kind}/${encodeURIComponent(value)}`)
      context.terminal.complain(`${what} may come again`)
      return EXIT.done
    }
    const seconds = values.for === undefined ? undefined : Math.max(1, Math.round(values.for / 1000))
    await ask('POST', '/api/v1/bans', { kind, value, reason: values.reason ?? '', ...(seconds !== undefined && { seconds }) })
    context.terminal.complain(`${what} is banned ${seconds === undefined ? 'for ever' : `for ${showSeconds(seconds)}`}`)
    return EXIT.done
  },
})
