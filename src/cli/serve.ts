/** The life of a running gateway: start, signals, reload, stop, and the ways in which it can end. */
import { describeError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import { showFault } from '#config/fault.ts'
import { type ConfigChoice, type ConfigInForce, readConfig } from './configuration.ts'
import type { Context, Gateway, ServiceManager } from './context.ts'
import { EXIT } from './verb.ts'

/** From the signal to the exit, at most; the contract says 5 s. What was acknowledged is on disk whatever happens. */
const STOP_TIMEOUT_MS = 4_500
/** As a shell reports a program that SIGINT ended. */
const EXIT_INTERRUPTED = 130

export interface ServeOptions {
  choice: ConfigChoice
  first: ConfigInForce
  configFile: string | undefined
  logger: Logger
  context: Context
}

/**
 * Runs a gateway until a signal ends it.
 * @returns the exit code
 * @throws whatever keeps the gateway from starting
 */
export async function serve(options: ServeOptions): Promise<number> {
  const { first, configFile, logger, context } = options
  const { parts, surroundings, terminal } = context
  const manager = await parts.openServiceManager(logger)

  function die(error: unknown): void {
    const reason = describeError(error).replace(/\s*\n\s*/g, ' ')
    manager.failed(reason)
    terminal.complain(`tidegate run: ends because of an error: ${reason}`)
    surroundings.exit(EXIT.failed)
  }

  surroundings.onUncaught(error => {
    // The place in the code is for whoever mends it; the last line is for whoever reads the log.
    if (error instanceof Error && error.stack !== undefined) terminal.complain(error.stack)
    die(error)
  })
  const { config, sources } = first
  const gateway = await parts.createGateway({ config, sources, configFile, clock: parts.clock, logger, onFatal: die })
  const stopped = stopOnSignal(options, manager)
  manager.starting()
  const started = gateway.start()
  reloadOnSignal(gateway, started, manager, options)
  const outcome = await Promise.race([started.then(() => 'ready' as const), stopped.signalled]).catch(error => {
    manager.failed(describeError(error))
    throw error
  })
  if (outcome === 'ready') {
    manager.ready(gateway)
    terminal.line('tidegate ready')
    await stopped.signalled
  } else {
    // Half a start cannot be stopped in order: it is waited for, within the same deadline.
    await started.catch(error => logger.warn('stopped before it had started', { error: describeError(error) }))
  }
  await gateway.stop()
  stopped.finished()
  return EXIT.done
}

/** SIGTERM and SIGINT ask for the stop; a second SIGINT, or the time-out, ends the process without it. */
function stopOnSignal({ logger, context }: ServeOptions, manager: ServiceManager): { signalled: Promise<'stop'>; finished: () => void } {
  const { parts, surroundings } = context
  const { clock } = parts
  let timer: object | undefined
  let resolve: (outcome: 'stop') => void
  const signalled = new Promise<'stop'>(done => (resolve = done))
  function stop(signal: string): void {
    if (timer !== undefined) return
    logger.info('stopping', { signal })
    manager.stopping()
    timer = clock.setTimer(STOP_TIMEOUT_MS, () => {
      logger.warn('did not stop in time and ends at once; what was acknowledged is safe')
      surroundings.exit(EXIT.done)
    })
    resolve('stop')
  }
  surroundings.onSignal('SIGTERM', () => stop('SIGTERM'))
  surroundings.onSignal('SIGINT', () => (timer === undefined ? stop('SIGINT') : surroundings.exit(EXIT_INTERRUPTED)))
  return { signalled, finished: () => clock.clearTimer(timer) }
}

/** SIGHUP loads the configuration again; one at a time, and one more if it came meanwhile. */
function reloadOnSignal(gateway: Gateway, started: Promise<void>, manager: ServiceManager, options: ServeOptions): void {
  const { choice, logger, context } = options
  let running = false
  let again = false

  async function reload(): Promise<string | undefined> {
    const { config, sources, faults, warnings } = await readConfig(choice, context)
    for (const warning of warnings) logger.warn(showFault(warning))
    if (config === undefined) {
      for (const fault of faults) logger.error(showFault(fault))
      const complaint = 'the new configuration is wrong, the running one stays'
      logger.error(complaint, { faults: faults.length })
      return complaint
    }
    await gateway.reload(config, sources)
    logger.info('the configuration is loaded again')
    return undefined
  }

  async function work(): Promise<void> {
    running = true
    let complaint: string | undefined
    // A start that fails is told elsewhere, and there is nothing to reload.
    if (!(await started.then(() => true).catch(() => false))) return
    try {
      do {
        again = false
        manager.reloading()
        complaint = await reload()
      } while (again)
    } catch (error) {
      complaint = 'the configuration could not be loaded again, the running one stays'
      logger.error(complaint, { error: describeError(error) })
    } finally {
      running = false
      manager.reloaded(complaint)
    }
  }

  context.surroundings.onSignal('SIGHUP', () => {
    again = true
    if (!running) void work()
  })
}
