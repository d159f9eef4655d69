/** The keys that a listener with `protocol = "coap"` has beyond those of every listener. */
import { duration, type InferKeys, integer } from '#base/schema.ts'

export const coapKeys = {
  idle_timeout: duration({
    description: 'A device that observes nothing and sends nothing for this long is no longer a connected client.',
    default: '5m',
    min: '1s',
    max: '7d',
  }),
  ack_delay: duration({
    description: 'When an answer takes longer than this, an empty ACK leaves first. Keep it below the ACK_TIMEOUT of the devices.',
    default: '1s',
    min: '10ms',
    max: '1900ms',
  }),
  block_size: integer({
    description: 'The largest block that is offered in block-wise transfers; rounded down to a power of two.',
    default: 1024,
    min: 16,
    max: 1024,
    unit: 'bytes',
  }),
  confirm_every: integer({
    description: 'Every so many QoS 0 notifications to an observer one is Confirmable, to learn whether it is still there.',
    default: 16,
    min: 1,
    max: 1000,
    unit: 'notifications',
  }),
} as const

export type CoapConfig = InferKeys<typeof coapKeys>

export const COAP_DEFAULTS: CoapConfig = { idle_timeout: 300_000, ack_delay: 1000, block_size: 1024, confirm_every: 16 }
