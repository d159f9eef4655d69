/** Enhanced authentication (`MQTT 5 §4.12`): the exchange of AUTH packets before the CONNACK, and later on a connection. */
import { describeError, GatewayError, isGatewayError } from '#base/errors.ts'
import type { AuthenticationExchange, ExchangeStep, Identity } from '#broker/ports.ts'
import { type AuthPacket, encodePacket, type Properties, REASON_CODES } from '#codecs/mqtt/index.ts'
import type { MqttConnection } from './connection.ts'

/** What an exchange came to: the identity, and the data that go with the last answer. */
export type Proved = (identity: Identity, data: Uint8Array | undefined) => void

export class Authentication {
  readonly #connection: MqttConnection
  readonly method: string
  readonly #begin: () => AuthenticationExchange | undefined
  readonly #proved: Proved
  readonly #failed: (error: unknown) => void
  #exchange: AuthenticationExchange | undefined
  /** A step is being decided: the client has nothing to send meanwhile. */
  #deciding = false

  /** `begin` gives a new exchange by the connection's method; `proved` and `failed` are called at the end of the first. */
  constructor(
    connection: MqttConnection,
    method: string,
    begin: () => AuthenticationExchange | undefined,
    proved: Proved,
    failed: (error: unknown) => void,
  ) {
    this.#connection = connection
    this.method = method
    this.#begin = begin
    this.#proved = proved
    this.#failed = failed
  }

  /** Begins with the data of the CONNECT. @throws GatewayError `bad-credentials` with reason 0x8C when nobody offers the method [MQTT-4.12.0-1] */
  start(data: Uint8Array | undefined): void {
    this.#exchange = this.#begin()
    if (this.#exchange === undefined) throw notOffered(this.method)
    this.#step(data, this.#proved, this.#failed)
  }

  /** Takes an AUTH. @throws GatewayError `decode-malformed` with reason 0x82 for one that does not belong here [MQTT-4.12.1-1] */
  take(packet: AuthPacket): void {
    const { reasonCode, properties = {} } = packet
    if (properties.authenticationMethod !== this.method) refuse('AUTH names another method than CONNECT')
    if (this.#deciding) refuse('AUTH came before the one in front of it was answered')
    const open = this.#connection.phase === 'open'
    if (reasonCode === REASON_CODES.continueAuthentication) {
      if (this.#exchange === undefined) refuse('AUTH goes on with what has not begun')
    } else if (reasonCode === REASON_CODES.reAuthenticate && open && this.#exchange === undefined) {
      this.#exchange = this.#begin()
    } else refuse(`a client may not send AUTH with reason code ${reasonCode} now`)
    if (open)
      this.#step(
        properties.authenticationData,
        (identity, data) => this.#provedAgain(identity, data),
        error => this.#connection.fail(asGatewayError(error)),
      )
    else this.#step(properties.authenticationData, this.#proved, this.#failed)
  }

  #step(data: Uint8Array | undefined, proved: Proved, failed: (error: unknown) => void): void {
    if (this.#exchange === undefined) return failed(notOffered(this.method))
    let outcome: ExchangeStep | Promise<ExchangeStep>
    try {
      outcome = this.#exchange.next(data === undefined ? undefined : Uint8Array.from(data))
    } catch (error) {
      return failed(error)
    }
    if (!(outcome instanceof Promise)) return this.#answer(outcome, proved)
    this.#deciding = true
    outcome
      .then(step => {
        this.#deciding = false
        if (this.#connection.phase !== 'closed') this.#answer(step, proved)
      })
      .catch((error: unknown) => {
        this.#deciding = false
        if (this.#connection.phase !== 'closed') failed(error)
      })
  }

  #answer(step: ExchangeStep, proved: Proved): void {
    if (step.identity === undefined) return this.#send(REASON_CODES.continueAuthentication, step.data)
    this.#exchange = undefined
    proved(step.identity, step.data)
  }

  /** A connection stays with the user that it began with: its session and its subscriptions are that user's. */
  #provedAgain(identity: Identity, data: Uint8Array | undefined): void {
    if (identity.username !== this.#connection.identity?.username) {
      const reason = REASON_CODES.notAuthorized
      throw new GatewayError('not-authorized', 'another user than the one of this connection has authenticated', { reason })
    }
    this.#send(REASON_CODES.success, data)
  }

  #send(reasonCode: number, data: Uint8Array | undefined): void {
    const properties: Properties = { authenticationMethod: this.method, ...(data !== undefined && { authenticationData: data }) }
    const frame = encodePacket({ type: 'auth', reasonCode, properties }, 5)
    if (frame.length > this.#connection.packetBytesMax) refuse('the answer is larger than the packets that the client takes')
    this.#connection.output.put(frame, 0, frame.length)
  }
}

/** What those who were asked threw may be anything: a directory that is away, a database. */
function asGatewayError(error: unknown): GatewayError {
  if (isGatewayError(error)) return error
  return new GatewayError('server-busy', describeError(error), { cause: error, reason: REASON_CODES.unspecifiedError })
}

function notOffered(method: string): GatewayError {
  const reason = REASON_CODES.badAuthenticationMethod
  return new GatewayError('bad-credentials', `the authentication method ${method} is not offered`, { reason })
}

function refuse(message: string): never {
  throw new GatewayError('decode-malformed', message, { reason: REASON_CODES.protocolError, offset: 0 })
}
