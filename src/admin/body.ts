/** Request bodies: bounded, JSON, and taken apart strictly. */
import type { Readable } from 'node:stream'
import { GatewayError } from '#base/errors.ts'

/** Room for a message of 1 MiB in base64 and its properties. */
export const BODY_BYTES_MAX = 2 * 1024 * 1024

/**
 * Reads a body as JSON; undefined when it is empty.
 * @throws GatewayError `bad-request`
 */
export async function readJson(request: Readable): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) {
      throw new GatewayError('bad-request', `the body is longer than ${BODY_BYTES_MAX} bytes`, { reason: 413 })
    }
    chunks.push(chunk)
  }
  if (bytes === 0) return undefined
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
    return JSON.parse(text)
  } catch (cause) {
    throw new GatewayError('bad-request', 'the body is not JSON in UTF-8', { cause })
  }
}

/** An object whose members are taken one by one, so that a member nobody took is found to be unknown. */
export class Members {
  readonly #rest: Map<string, unknown>
  readonly #where: string

  /** @throws GatewayError `bad-request` unless `value` is an object */
  constructor(value: unknown, where: string) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      throw new GatewayError('bad-request', `${where} is not a JSON object`)
    }
    this.#rest = new Map(Object.entries(value))
    this.#where = where
  }

  /** Takes a member; `check` returns what it is worth or undefined when it is wrong. */
  take<T>(name: string, what: string, check: (value: unknown) => T | undefined): T | undefined {
    const value = this.#rest.get(name)
    this.#rest.delete(name)
    if (value === undefined || value === null) return undefined
    const taken = check(value)
    if (taken === undefined) throw new GatewayError('bad-request', `${name} is not ${what}`)
    return taken
  }

  text(name: string): string | undefined {
    return this.take(name, 'a text', value => (typeof value === 'string' ? value : undefined))
  }

  flag(name: string): boolean | undefined {
    return this.take(name, 'true or false', value => (typeof value === 'boolean' ? value : undefined))
  }

  whole(name: string, min: number, max: number): number | undefined {
    const isWhole = (value: unknown) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max
    return this.take(name, `a whole number from ${min} to ${max}`, value => (isWhole(value) ? (value as number) : undefined))
  }

  /** @throws GatewayError `bad-request` when a member is left */
  end(): void {
    const [unknown] = this.#rest.keys()
    if (unknown !== undefined) throw new GatewayError('bad-request', `${this.#where} has an unknown member ${unknown}`)
  }
}
