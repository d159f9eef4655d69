/** Who may do what, as the broker asks it. Implemented in `access/`, wired by the composition root. */

import type { Qos } from './message.ts'
import type { Records } from './ports.ts'
import type { Position } from './store-port.ts'

/** What a device shows when it comes. */
export interface Credentials {
  protocol: string
  clientId: string
  username: string | undefined
  password: Uint8Array | undefined
  /** The device's address without port, or undefined for a Unix socket or a device of the gateway's own. */
  address: string | undefined
  /** Name of the listener it came by. */
  listener: string
  /** Both ends of the connection are on loopback (or it is a Unix socket). */
  loopback: boolean
  /** The listener's own `anonymous` setting, where it has one. */
  anonymous: 'never' | 'loopback' | 'always' | undefined
  /** A client certificate that the listener has verified. */
  certificate?: ClientCertificate | undefined
  /** The identity that a TLS-PSK handshake has proved: it is the user name. */
  pskIdentity?: string | undefined
}

/** What a verified client certificate says. */
export interface ClientCertificate {
  commonName: string | undefined
  /** The user name that it stands for, where the listener is configured to take one from it. */
  username: string | undefined
}

/** What a server must know of a user for SCRAM-SHA-256 (`RFC 5802 §3`, `RFC 7677`). */
export interface ScramKeys {
  salt: Uint8Array
  iterations: number
  storedKey: Uint8Array
  serverKey: Uint8Array
}

/** A device that was let in. */
export interface Identity {
  readonly clientId: string
  readonly protocol: string
  readonly username: string | undefined
  readonly address: string | undefined
  /** Nothing has proved who this is; `username` is then a claim that no rule believes. */
  readonly anonymous: boolean
  readonly certificateCn?: string | undefined
  /** A part of the gateway itself (bridge, rule): not subject to the rules. */
  readonly internal: boolean
}

/** What an exchange answers: with an identity it has succeeded, without one it waits for the client's next message. */
export interface ExchangeStep {
  data: Uint8Array | undefined
  identity?: Identity
}

/** One enhanced authentication of a device (`MQTT 5 §4.12`). */
export interface AuthenticationExchange {
  /**
   * Takes the device's message, undefined where it sent none with its method.
   * @throws GatewayError `bad-credentials`, `not-authorized`
   */
  next(data: Uint8Array | undefined): ExchangeStep | Promise<ExchangeStep>
}

export interface Access {
  /** Rises with every change of the rules; decisions made before are then asked again. */
  readonly generation: number
  /**
   * Decides whether a device gets in.
   * @throws GatewayError `bad-credentials` or `not-authorized`
   */
  authenticate(credentials: Credentials): Identity | Promise<Identity>
  /** Begins an exchange by a method such as `SCRAM-SHA-256` (see `access/scram.ts`); undefined: the method is not offered. */
  exchange?(method: string, credentials: Credentials): AuthenticationExchange | undefined
  /** Nothing is forbidden to this identity until `generation` changes: it need not be asked. */
  unrestricted(identity: Identity): boolean
  mayPublish(identity: Identity, topic: string, qos?: Qos, retain?: boolean): boolean
  /**
   * Whether a filter may be subscribed to, as the client gives it. Of a shared one (`$share/GROUP/`, `$queue/`) everything
   * that it can match must be allowed; for others the topics that are not are told by `mayReceive`.
   */
  maySubscribe(identity: Identity, filter: string, qos?: Qos): boolean
  /** Whether a subscription that was allowed brings messages on this topic; kept with the route until `generation` changes. */
  mayReceive(identity: Identity, topic: string, filter: string, qos?: Qos): boolean
  /** What becomes of a client that publishes where it may not and cannot be told so (`MQTT 3`, QoS 0). */
  readonly denyAction: 'ignore' | 'disconnect'
}

/** Why access has connected clients closed. */
export type ExpelReason = 'kicked' | 'banned' | 'not-authorized'

/** What access asks of the broker behind it. */
export interface AccessHost {
  records(owner: string): Records
  runningMs(): number
  whenCommitted(position: Position): Promise<void>
  /** Closes the connections of clients that are meant; their sessions stay. Parts of the gateway itself are never asked about. Returns how many. */
  expel(reason: ExpelReason, isMeant: (identity: Identity) => boolean): number
  /**
   * The rules have changed: subscriptions that are no longer allowed are removed, what is queued stays, and who receives a
   * topic is asked again. Returns how many were removed.
   */
  reviewSubscriptions(): number
}
