import { showFault } from '#config/fault.ts'
import { configOptions, readConfig } from '../configuration.ts'
import type { ConfigCore, Context } from '../context.ts'
import { texts } from '../option.ts'
import { checkProfile, vectorFaults } from '../profile.ts'
import { EXIT, verb } from '../verb.ts'

export const checkVerb = verb({
  name: 'check',
  group: 'gateway',
  summary: 'checks a configuration without running it',
  description:
    'Each fault is one line, FILE:LINE:COLUMN: KEY: what is wrong (hint), and the exit code is then 1. ' +
    'What is odd but does not stop the gateway is shown as a warning.',
  options: {
    ...configOptions,
    profile: texts('NAME|FILE', 'checks a device profile and its vectors instead; "all": those that the program brings with it'),
  },
  examples: [
    ['-c /etc/tidegate/tidegate.toml', 'checks the configuration of the service'],
    ['--profile ./my-meter.toml', 'checks a device profile and decodes its vectors'],
  ],
  async run(values, _positionals, context) {
    const { terminal } = context
    if (values.profile.length > 0) return checkProfiles(values.profile, context)
    const { config, faults, warnings } = await readConfig(values, context)
    for (const fault of faults) terminal.line(showFault(fault))
    for (const warning of warnings) terminal.line(`warning: ${showFault(warning)}`)
    if (config === undefined) {
      terminal.complain(`tidegate check: ${faults.length === 1 ? '1 fault' : `${faults.length} faults`}`)
      return EXIT.failed
    }
    if (config.access !== undefined) terminal.line(noMatchLine(config.access))
    const name = values.config ?? 'the embedded defaults'
    terminal.line(
      warnings.length === 0
        ? `${name}: all is well`
        : `${name}: valid, with ${warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`}`,
    )
    return EXIT.done
  },
})

/** Which `access.no_match` holds, and why: without the key it depends on whether there are rules. */
function noMatchLine({ no_match: chosen, rules }: NonNullable<ConfigCore['access']>): string {
  const count = rules.length === 0 ? 'there is no rule' : rules.length === 1 ? 'there is a rule' : `there are ${rules.length} rules`
  const holds = chosen ?? (rules.length === 0 ? 'allow' : 'deny')
  return `access.no_match: "${holds}" holds (${chosen === undefined ? `not set, and ${count}` : 'as set'})`
}

async function checkProfiles(wanted: readonly string[], context: Context): Promise<number> {
  const parts = await context.parts.serial()
  const names = wanted.flatMap(name => (name === 'all' ? parts.profileNames() : [name]))
  let faults = 0
  for (const name of names) {
    const checked = checkProfile(name, context, parts)
    const found = [...checked.faults, ...(checked.profile ? vectorFaults(checked.profile, parts).map(fault => `${name}: ${fault}`) : [])]
    for (const fault of found) context.terminal.line(fault)
    if (found.length === 0) context.terminal.line(`${name}: all is well, ${checked.profile?.vectors.length ?? 0} vectors`)
    faults += found.length
  }
  if (faults > 0) context.terminal.complain(`tidegate check: ${faults === 1 ? '1 fault' : `${faults} faults`}`)
  return faults > 0 ? EXIT.failed : EXIT.done
}
