import type { Database } from 'better-sqlite3'

/** One step of the schema. Steps are only ever added at the end of the list. */
export interface Migration {
  /** The schema that it leads to: 1, 2, 3, … */
  version: number
  /** The oldest schema whose program can still read and write the result; its own number where it is not additive. */
  oldestReader: number
  up: (database: Database) => void
}
