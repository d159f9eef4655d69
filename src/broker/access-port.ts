/** Who may do what, as the broker asks it. Implemented in `access/`, wired by the composition root. */

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
}

/** A device that was let in. */
export interface Identity {
  readonly clientId: string
  readonly protocol: string
  readonly username: string | undefined
  readonly address: string | undefined
  readonly anonymous: boolean
  /** A part of the gateway itself (bridge, rule): not subject to the rules. */
  readonly internal: boolean
}

export interface Access {
  /** Rises with every change of the rules; decisions made before are then asked again. */
  readonly generation: number
  /**
   * Decides whether a device gets in.
   * @throws GatewayError `bad-credentials` or `not-authorized`
   */
  authenticate(credentials: Credentials): Identity | Promise<Identity>
  /** Nothing is forbidden to this identity until `generation` changes: it need not be asked. */
  unrestricted(identity: Identity): boolean
  mayPublish(identity: Identity, topic: string): boolean
  maySubscribe(identity: Identity, filter: string): boolean
}
