/** The program: the words of the command line to a verb, with the parts that it may need. */
import { monotonicUs, systemClock } from '#base/system-clock.ts'
import { type Context, type Parts, runCommandLine, type Surroundings, Terminal } from '#cli/index.ts'
import type { GatewayOptions } from '#gateway.ts'
import { build } from '#system/build.ts'
import { clockProbe } from '#system/clock-probe.ts'
import { takeServiceEnvironment } from '#system/notify-environment.ts'
import { profileNames, readProfile } from '#system/profiles.ts'
import { assertRuntime, sqliteVersion } from '#system/runtime.ts'

// Before anything else: the clock's probe may start a process.
const handed = takeServiceEnvironment(process.env, process.pid)
const clock = systemClock(clockProbe())

// What only a gateway needs is loaded when a gateway is to run: `tidegate pub` should not wait for it.
const parts: Parts = {
  async about() {
    return { ...build(), sqlite: await sqliteVersion() }
  },
  async schema() {
    const { rootSchema } = await import('#registry.ts')
    return rootSchema
  },
  async createGateway(options: GatewayOptions) {
    assertRuntime()
    const { createGateway } = await import('#gateway.ts')
    return createGateway(options)
  },
  async createLogger({ level, format }) {
    const { consoleLogger } = await import('#system/console-logger.ts')
    return consoleLogger({ clock, level, ...(format === undefined ? {} : { format }) })
  },
  async openControl(socketPath) {
    const { openControl } = await import('#admin/client.ts')
    return openControl(socketPath)
  },
  async openServiceManager(logger) {
    const { openServiceManager } = await import('#system/notify.ts')
    return openServiceManager({ handed, environment: process.env, clock, monotonicUs, logger })
  },
  async openStoppedUsers(dataDir) {
    const { openStoppedUsers } = await import('#gateway/stopped-users.ts')
    const { consoleLogger } = await import('#system/console-logger.ts')
    return openStoppedUsers(dataDir, clock, consoleLogger({ clock, level: 'warn' }))
  },
  async serial() {
    const [tools, { openPty }] = await Promise.all([import('#adapters/serial/tools.ts'), import('#system/pty.ts')])
    return {
      listPorts: tools.listPorts,
      openPort: tools.openPort,
      profileSchema: tools.profileSchema,
      readVector: tools.readProfileVector,
      simulate: tools.simulate,
      probe: tools.probe,
      profileNames,
      openPty,
    }
  },
  readProfile,
  clock,
}

const surroundings: Surroundings = {
  onSignal: (signal, run) => void process.on(signal, run),
  onUncaught(run) {
    process.on('uncaughtException', run)
    process.on('unhandledRejection', run)
  },
  exit: code => process.exit(code),
}

const context: Context = {
  env: process.env,
  folder: process.cwd(),
  stdin: process.stdin,
  terminal: new Terminal(process.stdout, process.stderr),
  parts,
  surroundings,
}

void runCommandLine(process.argv.slice(2), context).then(code => process.exit(code))
