/** Payload Format Indicator (`MQTT 5 §3.3.2.3.2`). */
import { isUtf8 } from 'node:buffer'
import type { MqttLimits } from './config.ts'

/** Whether a payload says that it is text and is not; looked at only where the limits want it. */
export function isWronglyMarked(limits: MqttLimits, indicator: 0 | 1 | undefined, payload: Uint8Array): boolean {
  return indicator === 1 && limits.checkPayloadFormat && !isUtf8(payload)
}
