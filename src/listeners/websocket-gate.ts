/** The HTTP upgrade in front of a WebSocket listener. */

import { answerUpgrade, HEAD_BYTES_MAX, headLength, refuse, type UpgradeRules } from '#codecs/websocket/index.ts'
import { isLoopbackAddress } from './address.ts'
import { type Opening, type OpeningStage, readAhead } from './opening.ts'
import type { FaultBook } from './opening-faults.ts'
import { recogniseStranger } from './stranger.ts'
import { WebSocketConnection } from './websocket-connection.ts'

export interface WebSocketSettings {
  readonly path: string
  /** Undefined: any; but on a loopback listener only pages of this machine, since there a page needs no password. */
  readonly origins?: readonly string[] | undefined
  readonly max_frame: number
}

export class WebSocketGate implements OpeningStage {
  readonly timeout = 'upgrade-timeout'
  readonly #settings: WebSocketSettings
  readonly #faults: FaultBook
  readonly #rules: UpgradeRules

  /** `isLoopback`: whether the listener is on loopback. */
  constructor(settings: WebSocketSettings, faults: FaultBook, isLoopback: () => boolean) {
    this.#settings = settings
    this.#faults = faults
    const { path, origins } = settings
    const mayOrigin = (origin: string) => (origins === undefined ? !isLoopback() || isLocalPage(origin) : isListed(origin, origins))
    this.#rules = { path, mayOrigin }
  }

  begin(opening: Opening): void {
    readAhead(opening, bytes => this.#look(opening, bytes))
  }

  #look(opening: Opening, bytes: Buffer): number | undefined {
    const first = bytes[0]
    if (first < 0x20 && first !== 0x0d) {
      const stranger = recogniseStranger(bytes)
      opening.fail(stranger?.fault ?? 'upgrade-refused', stranger === undefined ? 'this is no HTTP' : undefined, stranger?.answer)
      return undefined
    }
    const length = headLength(bytes)
    if (length === undefined && bytes.length < HEAD_BYTES_MAX) return undefined
    const outcome =
      length === undefined || length > HEAD_BYTES_MAX
        ? refuse(431, `the head of a request may have ${HEAD_BYTES_MAX} bytes`)
        : answerUpgrade(bytes.toString('latin1', 0, length), this.#rules)
    if (outcome.subprotocol === undefined) {
      opening.fail('upgrade-refused', outcome.refusal, outcome.answer)
      return undefined
    }
    opening.socket.write(outcome.answer)
    opening.wrap = connection => new WebSocketConnection(connection, this.#settings.max_frame, this.#faults)
    return length
  }
}

/** Whether a page comes from this machine itself. */
function isLocalPage(origin: string): boolean {
  const host = URL.parse(origin)?.hostname.replace(/^\[|\]$/g, '')
  return host !== undefined && (host === 'localhost' || host.endsWith('.localhost') || isLoopbackAddress(host))
}

function isListed(origin: string, origins: readonly string[]): boolean {
  return origins.includes('*') || origins.includes(origin.toLowerCase())
}
