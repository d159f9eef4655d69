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
