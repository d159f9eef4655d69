/** Limits that are not configured, in one place, with the relations between them asserted. */

/** Waiting entries that a queue keeps in memory at most; what is beyond waits on disk. */
export const QUEUE_HEAD_ENTRIES_MAX = 1024
/** Bytes of waiting entries that a queue keeps in memory at most. */
export const QUEUE_HEAD_BYTES_MAX = 256 * 1024
/** Waiting entries that may go on sharing the buffers that they came in; those behind get payloads of their own. */
export const QUEUE_SHARED_ENTRIES_MAX = 64
/** Entries that a shared group lets wait for one member although others have room. */
export const SHARED_PENDING_MAX = 256
/** Retained messages that a subscription gets at once; the rest is read as its client takes it. */
export const RETAINED_AT_ONCE_MAX = 512
export const RETAINED_AT_ONCE_BYTES_MAX = 128 * 1024
/** One page that is read back from disk. */
export const QUEUE_PAGE_ENTRIES_MAX = 512
export const QUEUE_PAGE_BYTES_MAX = 128 * 1024

/** Uncommitted bytes above which publishers are not read, and below which they are again. */
export const UNCOMMITTED_HIGH_BYTES = 4 * 1024 * 1024
export const UNCOMMITTED_LOW_BYTES = 1024 * 1024

/** Topics whose route is kept ready. When full, the half that was used longest ago goes. */
export const ROUTES_MAX = 32_768

/** Topics per client for which an access decision is remembered; when full all are forgotten. */
export const ACCESS_DECISIONS_MAX = 256

/** After a crash or stop a will waits at least this long for its client to come back. */
export const WILL_GRACE_MS = 30_000

/** How often session expiry, message age and the persisted running time are looked at. */
export const SWEEP_INTERVAL_MS = 1000

/** MQTT §1.5.4: a string is at most this many bytes. */
export const STRING_BYTES_MAX = 65_535

const relations: readonly [boolean, string][] = [
  [QUEUE_PAGE_ENTRIES_MAX * 2 <= QUEUE_HEAD_ENTRIES_MAX, 'a page fits twice into a head, so that one can be read ahead'],
  [QUEUE_PAGE_BYTES_MAX * 2 <= QUEUE_HEAD_BYTES_MAX, 'a page fits twice into a head, so that one can be read ahead'],
  [UNCOMMITTED_LOW_BYTES < UNCOMMITTED_HIGH_BYTES, 'pressure has a hysteresis'],
]
for (const [holds, meaning] of relations) if (!holds) throw new Error(`limits contradict each other: ${meaning}`)
