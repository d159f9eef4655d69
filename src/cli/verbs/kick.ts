import { controlOptions, findGateway } from '../locate.ts'
import { flag } from '../option.ts'
import { printable } from '../table.ts'
import { EXIT, verb } from '../verb.ts'

export const kickVerb = verb({
  name: 'kick',
  group: 'control',
  summary: 'ends the connection of a client',
  description: 'The client may come back at once. Its session and its queue stay unless --session is given.',
  positionals: [{ name: 'CLIENT', summary: 'its client id, as `tidegate clients` shows it', required: true }],
  options: { ...controlOptions, session: flag('ends its session too: its subscriptions and its queue are lost') },
  async run(values, positionals, context) {
    const [client] = positionals as [string]
    const ask = await findGateway(values, context)
    await ask('DELETE', `/api/v1/clients/${encodeURIComponent(client)}${values.session ? '?session=true' : ''}`)
    context.terminal.complain(`${printable(client)} is disconnected${values.session ? ', its session has ended' : ''}`)
    return EXIT.done
  },
})
