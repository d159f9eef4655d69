/** Who is out for a time or for ever: by client id, user or network. Durable; deadlines are running time. */
import { GatewayError } from '#base/errors.ts'
import type { Identity, Position, Records } from '#broker/ports.ts'
import { addressNumber, isWithin, type NetworkSettings, rangeOf } from './network.ts'

export const BAN_KINDS = ['client_id', 'username', 'address'] as const
export type BanKind = (typeof BAN_KINDS)[number]

export interface Ban {
  readonly kind: BanKind
  /** A client id, a user name, or a network such as `192.0.2.0/24`. */
  readonly value: string
  /** Running time at which it ends; undefined: never. */
  readonly untilMs: number | undefined
  /** Who did it: `operator`, or a guard such as `failed-logins`. */
  readonly by: string
  readonly reason: string
  /** Wall clock, ms since 1970. */
  readonly createdAtMs: number
}

/** What there is to compare with. */
type Subject = Pick<Identity, 'clientId' | 'username' | 'address'>

interface Kept {
  ban: Ban
  matches: (subject: Subject) => boolean
}

/** Owner of the records. */
export const BAN_RECORDS = 'ban'
const BANS_MAX = 10_000
const VALUE_LENGTH_MAX = 512

export class Bans {
  readonly #records: Records
  readonly #runningMs: () => number
  /** By kind and value, as the records have them. */
  readonly #bans = new Map<string, Kept>()
  /** Networks of more than one address; the others are found by their number. */
  readonly #networks = new Map<string, Kept>()

  constructor(records: Records, runningMs: () => number) {
    this.#records = records
    this.#runningMs = runningMs
    for (const [key, bytes] of records.entries()) {
      const ban = decode(bytes)
      if (ban === undefined || isOver(ban, runningMs())) records.delete(key)
      else this.#place(ban)
    }
  }

  /** The ban that holds for somebody, undefined if none does. */
  find(subject: Subject): Ban | undefined {
    if (this.#bans.size === 0) return undefined
    const { clientId, username, address } = subject
    const exact = [this.#live(keyOf('client_id', clientId))]
    if (username !== undefined) exact.push(this.#live(keyOf('username', username)))
    if (address !== undefined) exact.push(this.#live(keyOf('address', hostKey(address))))
    const found = exact.find(ban => ban !== undefined)
    if (found !== undefined) return found
    for (const [key, { matches }] of this.#networks) if (matches(subject) && this.#live(key) !== undefined) return this.#bans.get(key)?.ban
    return undefined
  }

  /** Whom a ban means. */
  static meant(ban: Ban): (subject: Subject) => boolean {
    return matcherOf(ban)
  }

  /**
   * Bans, in the place of a ban of the same value.
   * @returns the position whose commit makes it durable
   * @throws GatewayError `quota-exceeded` when the table is full of bans by people; of those by guards the one that ends first makes room
   */
  add(ban: Ban): Position {
    const key = keyOf(ban.kind, ban.value)
    if (this.#bans.size >= BANS_MAX && !this.#bans.has(key)) this.#makeRoom()
    this.#place(ban)
    return this.#records.put(key, Buffer.from(JSON.stringify(ban)))
  }

  /** Undefined: there is no such ban. */
  remove(kind: BanKind, value: string): Position | undefined {
    const key = keyOf(kind, value)
    this.#networks.delete(key)
    return this.#bans.delete(key) ? this.#records.delete(key) : undefined
  }

  list(): Ban[] {
    const now = this.#runningMs()
    for (const [key, { ban }] of [...this.#bans]) if (isOver(ban, now)) this.#end(key)
    return Array.from(this.#bans.values(), ({ ban }) => ban)
  }

  #live(key: string): Ban | undefined {
    const ban = this.#bans.get(key)?.ban
    if (ban === undefined || !isOver(ban, this.#runningMs())) return ban
    this.#end(key)
    return undefined
  }

  #place(ban: Ban): void {
    const key = keyOf(ban.kind, ban.value)
    const kept = { ban, matches: matcherOf(ban) }
    this.#bans.set(key, kept)
    if (ban.value.includes('/') && ban.kind === 'address') this.#networks.set(key, kept)
  }

  #end(key: string): void {
    this.#bans.delete(key)
    this.#networks.delete(key)
    this.#records.delete(key)
  }

  #makeRoom(): void {
    this.list()
    if (this.#bans.size < BANS_MAX) return
    let soonest: [key: string, untilMs: number] | undefined
    for (const [key, { ban }] of this.#bans) {
      if (ban.by === OPERATOR || ban.untilMs === undefined) continue
      if (soonest === undefined || ban.untilMs < soonest[1]) soonest = [key, ban.untilMs]
    }
    if (soonest === undefined) throw new GatewayError('quota-exceeded', `there are ${BANS_MAX} bans, no more are possible`)
    this.#end(soonest[0])
  }
}

export const OPERATOR = 'operator'

/**
 * The value of a ban as it is kept: a network of one address is that address, in one form.
 * @throws GatewayError `bad-request`
 */
export function banValue(kind: BanKind, value: string): string {
  if (value === '' || value.length > VALUE_LENGTH_MAX || /[\0-\x1f\x7f]/.test(value)) {
    throw new GatewayError('bad-request', 'the value of a ban is empty, too long, or holds control characters')
  }
  if (kind !== 'address') return value
  const [address, bitsText, ...more] = value.split('/')
  const isIpv6 = address.includes(':')
  const bitsMax = isIpv6 ? 128 : 32
  const bits = bitsText === undefined ? bitsMax : /^\d{1,3}$/.test(bitsText) ? Number(bitsText) : Number.NaN
  if (addressNumber(address) === undefined || more.length > 0 || !(bits <= bitsMax)) {
    throw new GatewayError('bad-request', `${JSON.stringify(value)} is no address or network`, {
      hint: 'such as 192.0.2.7 or 192.0.2.0/24',
    })
  }
  return bits === bitsMax ? hostKey(address) : `${address}/${bits}`
}

function matcherOf({ kind, value }: Ban): (subject: Subject) => boolean {
  if (kind === 'client_id') return ({ clientId }) => clientId === value
  if (kind === 'username') return ({ username }) => username === value
  const range = rangeOf(networkOf(value))
  return ({ address }) => isWithin(address, range)
}

function networkOf(value: string): NetworkSettings {
  const [address, bits] = value.split('/')
  const family = address.includes(':') ? 'ipv6' : 'ipv4'
  return { address, family, prefixBits: bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits) }
}

/** One address in one form: `2001:DB8:0::7` is `2001:db8::7`. */
function hostKey(address: string): string {
  if (!address.includes(':')) return address
  return URL.parse(`http://[${address.split('%')[0]}]/`)?.hostname.slice(1, -1) ?? address
}

function keyOf(kind: BanKind, value: string): string {
  return `${kind}:${value}`
}

function isOver({ untilMs }: Ban, nowMs: number): boolean {
  return untilMs !== undefined && untilMs <= nowMs
}

function decode(bytes: Uint8Array): Ban | undefined {
  try {
    const ban = JSON.parse(Buffer.from(bytes).toString('utf8')) as Ban
    return BAN_KINDS.includes(ban.kind) && typeof ban.value === 'string' ? ban : undefined
  } catch {
    return undefined
  }
}
