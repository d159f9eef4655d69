import { join } from 'node:path'
import Sqlite from 'better-sqlite3'

/** Looks into a closed store with SQLite alone; returns what is inconsistent in it. */
export function inconsistencies(dataDir: string): string[] {
  const database = new Sqlite(join(dataDir, 'tidegate.db'))
  try {
    const rows = (sql: string) => database.prepare(sql).raw().all().map(String)
    const integrity = rows('PRAGMA integrity_check')
    return [
      ...(integrity.join() === 'ok' ? [] : integrity),
      ...rows(`SELECT 'message ' || m.id || ' has ' || m.refs || ' references, not ' || count(q.id)
        FROM message m LEFT JOIN queue q ON q.message = m.id GROUP BY m.id HAVING m.refs != count(q.id) OR m.refs = 0`),
      ...rows(
        "SELECT 'entry ' || id || ' has lost its message' FROM queue WHERE message IS NOT NULL AND message NOT IN (SELECT id FROM message)",
      ),
      ...rows(`SELECT 'queue ' || (t.id - 1) || ' counts ' || t.entries || ', not ' || count(q.id) FROM tally t
        LEFT JOIN queue q ON q.id >> 42 = t.id - 1 WHERE t.id > 0 GROUP BY t.id
        HAVING t.entries != count(q.id) OR t.bytes != total(q.size)`),
    ]
  } finally {
    database.close()
  }
}

export function count(dataDir: string, table: 'queue' | 'message' | 'record' | 'retained' | 'tally'): number {
  const database = new Sqlite(join(dataDir, 'tidegate.db'))
  try {
    return database.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number
  } finally {
    database.close()
  }
}
