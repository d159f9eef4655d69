/** `[limits]` and `[zones.NAME]`: what one client and one listener may ask of the gateway. */

import type { Infer } from '#base/schema.ts'
import { boolean, duration, enumeration, integer, list, map, overrides, size, string, table } from '#base/schema.ts'

const keys = {
  max_packet: size({
    default: '1MiB',
    min: '1KiB',
    max: '256MiB',
    description: 'The longest packet that a client may send.',
  }),
  max_connections: integer({
    default: 20_000,
    min: 1,
    max: 1_000_000,
    unit: 'connections',
    description: 'The most connections of one listener at a time.',
  }),
  receive_maximum: integer({
    default: 32,
    min: 1,
    max: 65_535,
    unit: 'messages',
    description:
      'How many QoS 1 and 2 messages may be in flight per client and direction. Towards the gateway it binds MQTT 5 clients only.',
  }),
  queue_messages: integer({
    default: 100_000,
    min: 1,
    unit: 'messages',
    description: 'The most messages that wait in the queue of one session. Beyond it the oldest goes, never one in flight.',
  }),
  queue_bytes: size({
    default: '64MiB',
    min: '1KiB',
    description: 'The most bytes that wait in the queue of one session. Beyond it the oldest message goes, never one in flight.',
  }),
  queue_qos0: boolean({ default: false, description: 'Whether QoS 0 messages are kept for sessions that are offline.' }),
  when_full: enumeration(['drop-oldest', 'drop-newest', 'reject'], {
    default: 'drop-oldest',
    description:
      'What a session at its limit does: its oldest waiting message goes, the new one is not taken, or the publish is refused (and with it for everybody).',
  }),
  session_expiry: duration({
    default: '7d',
    max: '49710d',
    description: 'How long the session of an absent MQTT 3 client is kept, and the longest that an MQTT 5 client may ask for.',
  }),
  topic_levels: integer({ default: 128, min: 1, max: 65_535, unit: 'levels', description: 'The most levels of a topic or filter.' }),
  connect_timeout: duration({
    default: '15s',
    min: '1s',
    max: '10m',
    description: 'How long a connection may take until its CONNECT is complete.',
  }),
  keep_alive_max: duration({
    default: '0s',
    max: '65535s',
    description:
      'The longest keep-alive that an MQTT 5 client gets; a client that asks for more is told this one. `"0s"`: as the client asks.',
  }),
  topic_aliases: integer({
    default: 32,
    max: 65_535,
    unit: 'aliases',
    description: 'How many topic aliases an MQTT 5 client may set, and how many are used towards one that allows them. 0: none.',
  }),
  check_payload_format: boolean({
    default: false,
    description: 'Whether an MQTT 5 payload that is marked as UTF-8 text is checked, and refused with 0x99 when it is none.',
  }),
  response_topic: string({
    default: `response/\${client_id}`,
    minLength: 0,
    pattern: /^[^+#\0-\x1f\x7f]*$/,
    patternText: 'a topic without wildcards',
    description: `Response Information for MQTT 5 clients that ask for it: where answers to their requests may go. "": none.`,
  }),
  messages_per_second: integer({
    default: 0,
    max: 10_000_000,
    unit: 'messages/s',
    description:
      'How fast one client may publish. A faster one is slowed down: MQTT is not read meanwhile, CoAP answers 4.29, MQTT-SN "congestion". 0: no limit.',
  }),
  bytes_per_second: size({
    default: '0B',
    max: '1GiB',
    description:
      'How many bytes of PUBLISH packets, or of CoAP payload, one client may send in a second; a faster one is slowed down. `"0B"`: no limit.',
  }),
  burst: integer({
    default: 0,
    max: 10_000_000,
    unit: 'messages',
    description: 'How many messages a client may send at once before `messages_per_second` holds. 0: the messages of one second.',
  }),
  connections_per_second: integer({
    default: 0,
    max: 1_000_000,
    unit: 'connections/s',
    description: 'How fast one listener takes new connections; those that are more are closed. 0: no limit.',
  }),
}

const priority = table(
  {
    topic: string({
      required: true,
      pattern: /^(?:(?:[^+#/\0]*|\+)\/)*(?:[^+#/\0]*|\+|#)$/,
      patternText: 'a topic filter',
      description: 'Messages whose topic matches it; the first that matches counts.',
      example: 'alarms/#',
    }),
    rank: integer({ required: true, min: 1, max: 7, description: 'The higher goes first. What matches nothing has 0.', example: 5 }),
  },
  { description: 'A rank for what waits.' },
)
const priorities = {
  description:
    'What goes first where messages wait for a client. Within a rank they keep their order, and the lowest rank is the first to be dropped. If absent: all in order.',
  max: 64,
} as const

/** `[limits]`. */
export const limits = table(
  { ...keys, priorities: list(priority, priorities) },
  { description: 'Limits for every client and listener. A zone overrides them for its listeners.' },
)

/** `[zones.NAME]`. */
export const zones = map(
  table(
    { ...overrides(keys), priorities: list(priority, { ...priorities, optional: true }) },
    { description: 'Any key of `[limits]`; what is not said here is as it is there.' },
  ),
  {
    description: 'Limits that differ for some listeners: a listener names its zone.',
  },
)

/** Sizes in bytes, durations in milliseconds. */
export type Limits = Infer<typeof limits>
export type Zones = Infer<typeof zones>

/** The limits that hold in a zone, or everywhere where `zone` is undefined. */
export function limitsOf(config: { readonly limits: Limits; readonly zones: Zones }, zone: string | undefined): Limits {
  return zone === undefined ? config.limits : { ...config.limits, ...config.zones[zone] }
}
