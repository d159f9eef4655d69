import type { Lender, Loan } from './message.ts'
import type { Session } from './session.ts'

/** Where a session delivers from beside its own queue, when its window has room: a shared group, say. */
export interface Source extends Partial<Lender> {
  /** Gives the session its next delivery by `Session.lend` or `Session.hand`. False: there is nothing for it now. */
  feed(session: Session): boolean
  /** The session's client is here. */
  arrived(session: Session): void
  /** It has gone, or sleeps; what it had borrowed comes back. */
  departed(session: Session, loans: readonly Loan[]): void
}

/** The sources of one session. */
export class SourceRing {
  /** Gives before all others. */
  first: Source | undefined
  #sources: Source[] = []
  #drawing = false

  get empty(): boolean {
    return this.first === undefined && this.#sources.length === 0
  }

  add(source: Source): void {
    this.#sources.push(source)
  }

  remove(source: Source): void {
    if (this.first === source) this.first = undefined
    this.#sources = this.#sources.filter(other => other !== source)
  }

  arrived(session: Session): void {
    this.first?.arrived(session)
    for (const source of this.#sources) source.arrived(session)
  }

  departed(session: Session, loans: readonly Loan[]): void {
    this.first?.departed(session, NO_LOANS)
    for (const source of this.#sources)
      source.departed(
        session,
        loans.filter(({ lender }) => lender === source),
      )
  }

  /** Fills the session's window: from the first as long as it has something, from the others in turn. */
  draw(session: Session): void {
    if (this.#drawing) return
    this.#drawing = true
    for (let idle = 0; session.room; ) {
      if (this.first?.feed(session) === true) continue
      if (idle >= this.#sources.length) break
      const source = this.#sources.shift()!
      this.#sources.push(source)
      idle = source.feed(session) ? 0 : idle + 1
    }
    this.#drawing = false
  }
}

const NO_LOANS: readonly Loan[] = []
