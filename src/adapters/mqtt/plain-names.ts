/** Names that may stand in logs, terminals and JSON as they are. */
import { GatewayError } from '#base/errors.ts'
import { isPlain } from '#base/text.ts'
import { REASON_CODES } from '#codecs/mqtt/index.ts'

/**
 * Control characters and non-characters may be taken as malformed (`MQTT 5 §1.5.4`): they are in names, by which people and
 * programs find things; free text such as user properties may hold them.
 * @throws GatewayError `decode-malformed`
 */
export function requirePlain(what: string, name: string | undefined): void {
  if (name === undefined || isPlain(name)) return
  const reason = REASON_CODES.malformedPacket
  throw new GatewayError('decode-malformed', `${what} holds control characters or non-characters`, { reason, offset: 0 })
}
