import { resolve } from 'node:path'
import { showFault } from '#config/fault.ts'
import { configOptions, requireConfig } from '../configuration.ts'
import { word } from '../option.ts'
import { serve } from '../serve.ts'
import { verb } from '../verb.ts'

export const runVerb = verb({
  name: 'run',
  group: 'gateway',
  summary: 'runs the gateway in the foreground',
  description:
    'Prints the one line "tidegate ready" once every listener answers; all else goes to standard error. Without -c it listens on ' +
    'loopback only and keeps its data in ./tidegate-data. SIGHUP loads the configuration again; if that is wrong, the running ' +
    'one stays. SIGTERM and SIGINT stop it within 5 s.',
  options: {
    ...configOptions,
    'log-level': word(['debug', 'info', 'warn', 'error'], 'the least that is logged (default info)'),
    'log-format': word(['human', 'json'], 'how it is logged (default human on a terminal, else json)'),
  },
  examples: [
    ['', 'on the embedded defaults: MQTT on 127.0.0.1:1883'],
    ['-c tidegate.toml', 'with a configuration'],
    ['--set listeners.local.bind=127.0.0.1:2883', 'with one key of the configuration changed'],
  ],
  async run(values, _positionals, context) {
    const first = await requireConfig(values, context)
    const logger = await context.parts.createLogger({ level: values['log-level'] ?? 'info', format: values['log-format'] })
    for (const warning of first.warnings) logger.warn(showFault(warning))
    const configFile = values.config === undefined ? undefined : resolve(context.folder, values.config)
    return serve({ choice: values, first, configFile, logger, context })
  },
})
