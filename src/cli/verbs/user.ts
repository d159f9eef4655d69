import { controlOptions, jsonOption } from '../locate.ts'
import { usage } from '../option.ts'
import { newPassword, passwordOption } from '../password.ts'
import { type Column, printable, tableLines } from '../table.ts'
import { showAge } from '../units.ts'
import { openUsers, type UserRow, type Users } from '../users.ts'
import { EXIT, verb } from '../verb.ts'

const ACTIONS = ['add', 'passwd', 'rm', 'ls'] as const

const columns = (nowMs: number): readonly Column<UserRow>[] => [
  { title: 'USER', value: row => row.username },
  { title: 'KEPT IN', value: row => row.source },
  { title: 'SCRAM', value: row => (row.scram ? 'yes' : 'no') },
  { title: 'MADE', right: true, value: row => (row.created_at === undefined ? '-' : `${showAge(row.created_at, nowMs)} ago`) },
]

export const userVerb = verb({
  name: 'user',
  group: 'control',
  summary: 'makes and removes users, and changes their passwords: add, passwd, rm, ls',
  description:
    'A password comes from a prompt, or from standard input with --password-stdin. Works on a running gateway, where it holds ' +
    'at once, and on a stopped one. Users of a users_file are listed here and changed in that file.',
  positionals: [
    { name: 'ACTION', summary: 'add, passwd, rm or ls', required: true },
    { name: 'NAME', summary: 'the user; not for ls', required: false },
  ],
  options: { ...controlOptions, 'password-stdin': passwordOption, json: jsonOption },
  examples: [
    ['add ann', 'makes a user and asks for the password'],
    ['add ann --password-stdin < secret.txt', 'the same in a script'],
    ['ls', 'lists users'],
  ],
  async run(values, positionals, context) {
    const [written, name] = positionals
    const action = ACTIONS.find(each => each === written)
    if (action === undefined) throw usage(`${JSON.stringify(written)} is none of ${ACTIONS.join(', ')}`)
    if (action === 'ls' ? name !== undefined : name === undefined) {
      throw usage(action === 'ls' ? 'ls takes no name' : `${action} wants the name of a user`)
    }
    const needsPassword = action === 'add' || action === 'passwd'
    if (values['password-stdin'] && !needsPassword) throw usage(`${action} takes no password`)
    const password = needsPassword ? await newPassword(values['password-stdin'], context) : ''
    const users = await openUsers(values, context)
    try {
      if (action === 'ls') await list(users, values.json)
      else await change(users, action, name as string, password)
    } finally {
      await users.close()
    }
    return EXIT.done

    async function list(from: Users, asJson: boolean): Promise<void> {
      const data = await from.list()
      if (asJson) context.terminal.line(JSON.stringify({ data }, undefined, 2))
      else if (data.length === 0) context.terminal.complain('there is no user')
      else context.terminal.line(tableLines(columns(context.parts.clock.now()), data).join('\n'))
    }

    async function change(of: Users, how: 'add' | 'passwd' | 'rm', who: string, secret: string): Promise<void> {
      if (how === 'add') await of.add(who, secret)
      else if (how === 'passwd') await of.changePassword(who, secret)
      else await of.remove(who)
      const done = { add: 'is made', passwd: 'has a new password', rm: 'is removed' }[how]
      context.terminal.complain(`the user ${printable(who)} ${done}`)
    }
  },
})
