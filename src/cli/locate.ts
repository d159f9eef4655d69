/** Finding the running gateway, and asking it. */
import { join } from 'node:path'
import { GatewayError, isGatewayError } from '#base/errors.ts'
import { requireConfig } from './configuration.ts'
import type { ConfigCore, Context, Control } from './context.ts'
import { flag, pathFrom, text } from './option.ts'

const SOCKET_NAME = 'tidegate.sock'
const DATA_DIR = 'tidegate-data'
const SERVICE_SOCKET = '/run/tidegate/tidegate.sock'

/** The options of every verb that speaks to the running gateway. */
export const controlOptions = {
  socket: text('PATH', 'the control socket of the gateway'),
  'data-dir': text('DIR', 'the data directory of the gateway'),
  config: text('FILE', 'the configuration file of the gateway, which names its data directory', { short: 'c' }),
}

export const jsonOption = flag("prints the API's JSON instead of a table")

export interface ControlChoice {
  readonly socket?: string | undefined
  readonly 'data-dir'?: string | undefined
  readonly config?: string | undefined
}

/** The socket that a configuration gives its gateway. */
export function socketOf(config: ConfigCore): string {
  return config.admin.socket ?? join(config.gateway.data_dir, SOCKET_NAME)
}

/**
 * Where the gateway may be, in the order to try. A place that was named, by an option or the environment, is the only one.
 * @throws GatewayError `config-invalid` for the file given by `-c`
 */
export async function socketCandidates(choice: ControlChoice, context: Context): Promise<string[]> {
  const { env, folder } = context
  if (choice.socket !== undefined) return [pathFrom(folder, choice.socket)]
  if (choice['data-dir'] !== undefined) return [join(pathFrom(folder, choice['data-dir']), SOCKET_NAME)]
  if (choice.config !== undefined) return [socketOf((await requireConfig({ config: choice.config }, context)).config)]
  const { TIDEGATE_ADMIN__SOCKET: socket, TIDEGATE_GATEWAY__DATA_DIR: dataDir } = env
  if (socket) return [pathFrom(folder, socket)]
  if (dataDir) return [join(pathFrom(folder, dataDir), SOCKET_NAME)]
  return [join(folder, DATA_DIR, SOCKET_NAME), SERVICE_SOCKET]
}

/** Asks the gateway one thing; what comes back is the body of a 2xx answer. */
export type Ask = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => Promise<unknown>

/**
 * Finds the gateway. The first question tells which of the candidates answers.
 * Asking throws GatewayError: `not-running` when none does, `refused` with the API's sentence when it says no.
 */
export async function findGateway(choice: ControlChoice, context: Context): Promise<Ask> {
  const candidates = await socketCandidates(choice, context)
  let found: Control | undefined
  return async (method, path, body) => {
    if (found !== undefined) return accept(await found.request(method, path, body))
    for (const candidate of candidates) {
      const control = await context.parts.openControl(candidate)
      try {
        const answer = await control.request(method, path, body)
        found = control
        return accept(answer)
      } catch (error) {
        if (!isGatewayError(error, 'not-running')) throw error
      }
    }
    const hint = 'is it running? start it with `tidegate run`, or say where it is with --socket, --data-dir or -c'
    throw new GatewayError('not-running', `no gateway answers at ${candidates.join(' or ')}`, { hint })
  }
}

function accept({ status, body }: { status: number; body: unknown }): unknown {
  if (status >= 200 && status < 300) return body
  const { message = `the gateway answered with status ${status}`, hint } = (body ?? {}) as { message?: string; hint?: string }
  throw new GatewayError('refused', message, { reason: status, ...(hint === undefined ? {} : { hint }) })
}

const PAGE_LIMIT = 1_000

export interface ListBody<R> {
  data: R[]
  meta: { page: number; limit: number; count?: number; has_next: boolean }
}

/** Asks for all pages of a list, up to `max` items. */
export async function askList<R>(ask: Ask, path: string, query: URLSearchParams, max: number): Promise<ListBody<R>> {
  const data: R[] = []
  for (let page = 1; ; page++) {
    const pageQuery = new URLSearchParams(query)
    pageQuery.set('limit', String(PAGE_LIMIT))
    pageQuery.set('page', String(page))
    const body = (await ask('GET', `${path}?${pageQuery}`)) as ListBody<R>
    data.push(...body.data)
    const isEnough = data.length >= max
    if (!body.meta.has_next || isEnough) {
      const shown = data.slice(0, max)
      const hasNext = body.meta.has_next || data.length > max
      return { data: shown, meta: { ...body.meta, page: 1, limit: shown.length, has_next: hasNext } }
    }
  }
}
