/** Limits of MQTT connections, as a listener's zone gives them. */
import type { RateLimits } from '#base/publish-rate.ts'
import type { QueueLimits, WhenFull } from '#broker/ports.ts'

export interface MqttLimits {
  /** Largest packet taken, bytes. */
  packetBytesMax: number
  /** Entries in flight to a client, and what an MQTT 5 client may have in flight to us: 1–65535. */
  receiveMaximum: number
  /** How long the session of an MQTT 3 client without clean session lasts, and the cap for MQTT 5, ms. */
  sessionExpiryMs: number
  /** From the connection to its CONNECT, and to the end of an exchange of AUTH packets. */
  connectTimeoutMs: number
  /** Server Keep Alive for MQTT 5 clients that ask for more or for none, seconds; 0: as the client asks. */
  keepAliveMaxSeconds: number
  topicLevelsMax: number
  /** Topic aliases that a client may set, and that are set towards one that allows them; 0: none. */
  topicAliasMax: number
  /** Whether a payload that says it is UTF-8 text is looked at (`MQTT 5 §3.3.2.3.2`). */
  checkPayloadFormat: boolean
  /** Response Information for clients that ask for it; `${client_id}` stands in it for the client's id. Empty: none. */
  responseTopic: string
  queueMessagesMax: number
  queueBytesMax: number
  queueQos0: boolean
  /** Default: `drop-oldest`. */
  queueWhenFull?: WhenFull
  priorities?: QueueLimits['priorities']
  /** How fast one client may publish; undefined: no limit. */
  rate?: RateLimits
}
