/**
 * The numbered normative statements of both specifications, in our own words. `test` ones must stand in the name of a test
 * (`statements.test.ts` looks); the others say why they do not.
 */

/** Whose it is to keep, where it is not the server's; or why nothing shows it. */
export type Standing = 'test' | 'client' | { why: string }

export interface Statement {
  id: string
  says: string
  standing: Standing
}

type Row = readonly [id: string, says: string, standing?: Exclude<Standing, 'test'>]

export function statements(prefix: string, rows: readonly Row[]): Statement[] {
  return rows.map(([id, says, standing]) => ({ id: `${prefix}-${id}`, says, standing: standing ?? 'test' }))
}

export type { Row }
