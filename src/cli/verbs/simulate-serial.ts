/** `tidegate simulate serial`: a device made from its profile, on a pseudo-terminal. */
import { text, usage } from '../option.ts'
import { requireProfile } from '../profile.ts'
import { EXIT } from '../verb.ts'
import { simulatedKind } from './simulate-kind.ts'

export const simulatedSerial = simulatedKind({
  name: 'serial',
  summary: 'a serial device made from its profile, on a pseudo-terminal whose path is the first line of the output',
  options: { profile: text('NAME|FILE', 'serial: the profile; tidegate serial profiles lists them') },
  examples: [['serial --profile sdm120', 'an energy meter to configure as a port']],
  async run({ profile: name }, context) {
    if (name === undefined) throw usage('--profile is missing', 'tidegate serial profiles lists them')
    const parts = await context.parts.serial()
    const profile = requireProfile(name, context, parts)
    const pty = parts.openPty(bytes => device.push(bytes))
    const device = parts.simulate(profile, context.parts.clock, bytes => pty.write(bytes))
    device.start()
    context.terminal.line(pty.path)
    context.terminal.complain(`${profile.profile.title} is on ${pty.path} until this is interrupted`)
    await new Promise<void>(resolve => {
      context.surroundings.onSignal('SIGINT', resolve)
      context.surroundings.onSignal('SIGTERM', resolve)
      context.terminal.onClosed = resolve
    })
    device.stop()
    pty.close()
    return EXIT.done
  },
})
