/** A message wrapped in JSON, so that its time travels where user properties cannot. */
import type { TimeQuality } from '#broker/ports.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * `{"tidegate-time":…,"tidegate-time-quality":"synced","topic":…,"encoding":…,"payload":…}`. The payload stands
 * there as it is when it is JSON (`encoding` "json"), else as text ("text"), else in base64 ("base64").
 */
export function wrapJson(topic: string, payload: Uint8Array, timeMs: number, quality: TimeQuality): Uint8Array {
  const { encoding, text } = payloadText(payload)
  const head = JSON.stringify({ 'tidegate-time': timeMs, 'tidegate-time-quality': quality, topic, encoding })
  return Buffer.from(`${head.slice(0, -1)},"payload":${text}}`)
}

/** The payload as JSON text. JSON is passed on letter by letter, so that long numbers keep their digits. */
function payloadText(payload: Uint8Array): { encoding: 'json' | 'text' | 'base64'; text: string } {
  let text: string
  try {
    text = decoder.decode(payload)
  } catch {
    return { encoding: 'base64', text: JSON.stringify(Buffer.from(payload).toString('base64')) }
  }
  try {
    JSON.parse(text)
    return { encoding: 'json', text }
  } catch {
    return { encoding: 'text', text: JSON.stringify(text) }
  }
}
