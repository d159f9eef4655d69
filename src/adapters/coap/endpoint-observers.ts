import { type EndpointContext, probe } from './endpoint-context.ts'
import { Observer } from './endpoint-observer.ts'
import type { Peer } from './endpoint-peer.ts'
import type { ParsedRequest } from './endpoint-request.ts'
import type { CoapResponse, ObservationEnd } from './endpoint-types.ts'

/** All observers of an endpoint, bounded overall and by peer; one is named by its peer and token (`RFC 7641 §4.1`). */
export class Observers {
  readonly #context: EndpointContext
  readonly #all = new Set<Observer>()

  constructor(context: EndpointContext) {
    this.#context = context
  }

  get size(): number {
    return this.#all.size
  }

  /** Registers the sender of a request, in place of its observation with the same token. Undefined: no room for one more. */
  register(request: ParsedRequest, szx: number, onEnd: (end: ObservationEnd) => void): Observer | undefined {
    const { peer, token } = request
    const { limits } = this.#context
    this.find(peer, token)?.end('replaced')
    if (this.#all.size >= limits.observersMax || (peer.observers?.size ?? 0) >= limits.observersPerPeerMax) return undefined
    const observer = new Observer(this.#context, peer, token.slice(), request.transferKey(), szx, end => {
      this.#remove(observer)
      onEnd(end)
    })
    this.#all.add(observer)
    peer.observers ??= new Map()
    peer.observers.set(observer.key, observer)
    peer.holds++
    probe(this.#context, peer)
    return observer
  }

  find(peer: Peer, token: Uint8Array): Observer | undefined {
    return peer.observers?.get(String.fromCharCode(...token))
  }

  /** A RST has come: true if it was for a Non-confirmable notification, whose observer is then gone. */
  reset(peer: Peer, messageId: number): boolean {
    for (const observer of peer.observers?.values() ?? []) {
      if (!observer.sent(messageId)) continue
      observer.end('reset')
      return true
    }
    return false
  }

  /** Asks the long silent ones whether they are there. */
  sweep(): void {
    for (const observer of this.#all) observer.checkAlive()
  }

  endAll(reason: ObservationEnd, final?: CoapResponse): void {
    for (const observer of [...this.#all]) observer.end(reason, final)
  }

  #remove(observer: Observer): void {
    const { peer, key } = observer
    this.#all.delete(observer)
    if (peer.observers?.get(key) === observer) peer.observers.delete(key)
    if (peer.observers?.size === 0) peer.observers = undefined
    peer.holds--
  }
}
