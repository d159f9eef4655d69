/** The way out of one connection: takes deliveries from the spool, and gives the upstream's answers back to it. */
import type { Clock, Timer } from '#base/clock.ts'
import { Backoff } from '#bridges/engine/backoff.ts'
import type { DeadLetters } from '#bridges/engine/dead-letters.ts'
import type { Pace } from '#bridges/engine/pace.ts'
import type { RouteBook } from '#bridges/engine/route-book.ts'
import type { Suspicion } from '#bridges/engine/suspicion.ts'
import type { Broker, Client, CloseReason, Entry, Message, Qos, Sink } from '#broker/ports.ts'
import { type Answer, type MqttConnection, refusal, type ServerTerms } from '#clients/mqtt/index.ts'
import type { Framer } from './frame.ts'

/** Bytes waiting in the socket above which deliveries stay in the spool. Low, so that a PINGREQ is not stuck behind them. */
const PENDING_BYTES_HIGH = 64 * 1024
/** Attempts at a message that the upstream refuses. */
const ATTEMPTS_MAX = 4
const RETRY_FIRST_MS = 500
/** Refused messages whose attempts are remembered over connections; the oldest is forgotten first. */
const REFUSALS_MAX = 10_000
const REFUSED = 0x80
const QUOTA_EXCEEDED = 0x97

/** What outlives a connection. */
export interface OutboxState {
  book: RouteBook
  letters: DeadLetters
  suspicion: Suspicion
  /** Refusals by sequence number. */
  refusals: Map<number, number>
  pace: Pace
  sent: number
}

export interface OutboxOptions {
  /** Messages in flight at most. */
  windowMax: number
  /** The upstream keeps the session over connections. */
  sessionKept: boolean
}

export interface OutboxHost {
  broker: Broker
  clock: Clock
  /** Something that a person should know went wrong; the connection stays. */
  complain(message: string, error?: unknown): void
  /** The broker ended the attachment. */
  detached(reason: CloseReason): void
}

/** A delivery under way. */
interface Flight {
  entry: Entry
  /** The QoS that it is sent with: the upstream may offer less than the entry has. */
  qos: Qos
  transmitted: boolean
  retry: Timer | undefined
}

export class Outbox implements Sink {
  readonly #connection: MqttConnection
  readonly #framer: Framer
  readonly #state: OutboxState
  readonly #host: OutboxHost
  readonly #windowMax: number
  readonly #qosMax: Qos
  readonly #flights = new Map<number, Flight>()
  readonly #quotaBackoff: Backoff
  #quotaWait: Timer | undefined = undefined
  #client: Client | undefined = undefined
  #congestionSeen = false
  #progress = false
  #over = false

  constructor(
    connection: MqttConnection,
    terms: ServerTerms,
    framer: Framer,
    options: OutboxOptions,
    state: OutboxState,
    host: OutboxHost,
  ) {
    this.#connection = connection
    this.#framer = framer
    this.#windowMax = Math.min(options.windowMax, terms.receiveMaximum)
    // What the upstream has received and not released is gone with its session: better twice than never.
    this.#qosMax = Math.min(terms.qosMax, options.sessionKept ? 2 : 1) as Qos
    this.#state = state
    this.#host = host
    this.#quotaBackoff = new Backoff(host.clock)
  }

  /** Lets deliveries begin. */
  begin(client: Client): void {
    this.#client = client
    client.setInFlightMax(this.#state.suspicion.window(this.#windowMax))
    client.resume()
  }

  get inFlight(): number {
    return this.#flights.size
  }

  // The spool's side.

  get congested(): boolean {
    if (this.#over || this.#quotaWait !== undefined) return true
    const congested = this.#connection.pendingBytes > PENDING_BYTES_HIGH || this.#state.pace.spent
    if (congested) this.#congestionSeen = true
    return congested
  }

  send(message: Message, retain: boolean, identifiers: readonly number[] | undefined): void {
    const { book, pace } = this.#state
    pace.take()
    const route = book.find(identifiers, message.topic)
    const frame =
      route === undefined ? 'no route leads up for it' : this.#framer.frame(route, message, { qos: 0, retain, dup: false, packetId: 0 })
    if (typeof frame === 'string') return this.#bury(message, frame)
    if (!this.#connection.engine.publish(frame, 0, 0)) return this.#bury(message, refusal(0x95).message)
    this.#state.sent++
  }

  sendRun(): boolean {
    return false
  }

  deliver(entry: Entry): void {
    this.#state.pace.take()
    const qos = Math.min(entry.qos, this.#qosMax) as Qos
    const flight: Flight = { entry, qos, transmitted: false, retry: undefined }
    this.#flights.set(entry.packetId, flight)
    const { suspicion } = this.#state
    if (entry.seq === suspicion.convicted) {
      suspicion.convicted = undefined
      this.#giveUp(flight, 'the upstream closes the connection whenever it is sent')
    } else if (entry.seq !== suspicion.quarantined) this.#transmit(flight, entry.dup)
  }

  release(packetId: number): void {
    const flight = this.#flights.get(packetId)
    if (flight === undefined || flight.qos === 2) this.#connection.engine.release(packetId)
    else this.#later(() => this.completed(packetId))
  }

  close(reason: CloseReason): void {
    this.stop()
    this.#host.detached(reason)
  }

  // The upstream's side.

  /** PUBACK, or a refusal. */
  acknowledged(answer: Answer): void {
    const flight = this.#flights.get(answer.packetId)
    if (flight === undefined) return
    if (answer.reason >= REFUSED) return this.#refused(flight, answer)
    this.#accepted(flight)
  }

  /** PUBREC. */
  received(packetId: number): void {
    this.#advanced(this.#flights.get(packetId))
    // Unknown to the spool: nothing is to be noted before PUBREL.
    if (this.#client?.received(packetId) !== true) this.#connection.engine.release(packetId)
  }

  /** PUBCOMP. */
  completed(packetId: number): void {
    this.#advanced(this.#flights.get(packetId))
    this.#flights.delete(packetId)
    this.#state.sent++
    this.#client?.complete(packetId)
    this.#tidy()
  }

  /** The socket has room again, or the pace has. */
  wake(): void {
    if (!this.#congestionSeen) return
    this.#congestionSeen = false
    this.#client?.wake()
  }

  /** The connection is over. */
  stop(): void {
    if (this.#over) return
    this.#over = true
    const { clock } = this.#host
    clock.clearTimer(this.#quotaWait)
    for (const flight of this.#flights.values()) clock.clearTimer(flight.retry)
  }

  /** The connection ended. `byUpstream`: it closed it by itself, perhaps because of a message. */
  ended(byUpstream: boolean): void {
    if (!byUpstream || this.#progress) return this.#state.suspicion.interrupted()
    const sent = [...this.#flights.values()].filter(flight => flight.transmitted)
    if (sent.length > 0) this.#state.suspicion.connectionEnded(Math.min(...sent.map(flight => flight.entry.seq)))
  }

  #transmit(flight: Flight, dup: boolean): void {
    const { message, retain, identifiers, packetId } = flight.entry
    const route = this.#state.book.find(identifiers, message.topic)
    if (route === undefined) return this.#giveUp(flight, 'no route leads up for it')
    const sending = { qos: flight.qos, retain, dup, packetId: flight.qos === 0 ? 0 : packetId }
    const frame = this.#framer.frame(route, message, sending)
    if (typeof frame === 'string') return this.#giveUp(flight, frame)
    if (!this.#connection.engine.publish(frame, flight.qos, sending.packetId)) return this.#giveUp(flight, refusal(0x95).message)
    flight.transmitted = true
    // An upstream without QoS 1 cannot say that it has the message: leaving is all that can be waited for.
    if (flight.qos === 0) this.#later(() => this.#accepted(flight))
  }

  #accepted(flight: Flight): void {
    const { entry } = flight
    this.#state.refusals.delete(entry.seq)
    this.#quotaBackoff.reset()
    this.#advanced(flight)
    // A QoS 2 entry that had to be sent lower goes through its states all the same; `release` then completes it.
    if (entry.qos === 2) {
      this.#client?.received(entry.packetId)
      return
    }
    this.#flights.delete(entry.packetId)
    this.#state.sent++
    this.#client?.acknowledge(entry.packetId)
    this.#tidy()
  }

  #tidy(): void {
    if (this.#client?.queued === 0) this.#state.book.forgetRetired()
  }

  /** The upstream has taken a message. */
  #advanced(flight: Flight | undefined): void {
    this.#progress = true
    const { suspicion } = this.#state
    if (flight === undefined || !suspicion.active) return
    const verdict = suspicion.acknowledged(flight.entry.seq)
    if (verdict === 'cleared') this.#later(() => this.#client?.setInFlightMax(this.#windowMax))
    if (verdict !== 'try-again') return
    const suspect = [...this.#flights.values()].find(({ entry }) => entry.seq === suspicion.quarantined)
    // It goes alone: nothing else is sent before it is answered.
    this.#client?.setInFlightMax(1)
    this.#progress = false
    if (suspect !== undefined) this.#transmit(suspect, true)
  }

  #refused(flight: Flight, answer: Answer): void {
    const { clock } = this.#host
    const error = refusal(answer.reason, `publishing ${flight.entry.message.topic}`, answer.said)
    this.#progress = true
    if (answer.reason === QUOTA_EXCEEDED) {
      flight.transmitted = false
      return this.#overQuota(error)
    }
    const { refusals } = this.#state
    const attempts = (refusals.get(flight.entry.seq) ?? 0) + 1
    if (attempts >= ATTEMPTS_MAX) return this.#giveUp(flight, error.message)
    refusals.delete(flight.entry.seq)
    refusals.set(flight.entry.seq, attempts)
    if (refusals.size > REFUSALS_MAX) for (const oldest of refusals.keys()) if (refusals.delete(oldest)) break
    this.#host.complain(`a message was refused, it will be tried again`, error)
    // It is a new transmission, not a repetition: the refusal ended the first one.
    flight.retry = clock.setTimer(RETRY_FIRST_MS * 2 ** (attempts - 1), () => this.#transmit(flight, false))
  }

  /** Nothing is sent for a while; then what was refused goes first, in order. */
  #overQuota(error: unknown): void {
    if (this.#quotaWait !== undefined) return
    const { clock } = this.#host
    this.#host.complain('the upstream takes no more for now', error)
    this.#quotaWait = clock.setTimer(this.#quotaBackoff.next(), () => {
      this.#quotaWait = undefined
      const again = [...this.#flights.values()].filter(
        flight => !flight.transmitted && flight.entry.seq !== this.#state.suspicion.quarantined,
      )
      for (const flight of again.sort((a, b) => a.entry.seq - b.entry.seq)) this.#transmit(flight, false)
      this.#client?.wake()
    })
  }

  /** Puts a message aside so that the rest flows. */
  #giveUp(flight: Flight, why: string): void {
    const { entry } = flight
    this.#state.refusals.delete(entry.seq)
    this.#later(() => {
      if (this.#flights.get(entry.packetId) !== flight) return
      this.#flights.delete(entry.packetId)
      this.#bury(entry.message, why)
      this.#client?.discard(entry.packetId, 'dead-letter')
    })
  }

  #bury(message: Message, why: string): void {
    const { broker, clock } = this.#host
    this.#state.letters.add(message, broker.timeOf(message).timeMs, clock.now(), why)
    this.#host.complain(`a message on ${message.topic} was put aside: ${why}`)
  }

  /** What changes the queue must not happen within a delivery. */
  #later(run: () => void): void {
    this.#host.clock.defer(() => {
      if (!this.#over) run()
    })
  }
}
