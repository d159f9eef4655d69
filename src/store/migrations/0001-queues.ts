import type { Migration } from './migration.ts'

/**
 * - `queue`: the id is the queue's number and the entry's sequence number, so that a queue lies together on disk;
 *   `size` is `Message.size`; `message` is the row of a message that has several entries, else it is in `record`.
 * - `message`: goes with its last reference.
 * - `tally`: entries and bytes of each queue under its number + 1; row 0 is the last commit: its position, its run
 *   and its clocks. They share a table because each commit touches both: it is one page less to write.
 */
export const queues: Migration = {
  version: 1,
  oldestReader: 1,
  up: database => {
    database.exec(`
      CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
      CREATE TABLE tally (
        id INTEGER PRIMARY KEY, entries INTEGER NOT NULL, bytes INTEGER NOT NULL, running REAL, wall REAL, synchronised INTEGER);
      CREATE TABLE queue (id INTEGER PRIMARY KEY, message INTEGER, size INTEGER NOT NULL, received INTEGER, record BLOB NOT NULL);
      CREATE TABLE message (id INTEGER PRIMARY KEY, refs INTEGER NOT NULL, record BLOB NOT NULL);
      CREATE TABLE record (owner TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (owner, key)) WITHOUT ROWID;
      CREATE TABLE retained (topic TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
      INSERT INTO tally (id, entries, bytes) VALUES (0, 0, 0);
    `)
  },
}
