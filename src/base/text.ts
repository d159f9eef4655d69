/** Code points that strings of protocols should not hold: control characters and non-characters (`MQTT 5 §1.5.4`). */
const NOT_PLAIN = /[\p{Cc}\p{Noncharacter_Code_Point}]/u

/** Whether a name holds neither control characters nor non-characters, so that it can stand in logs, terminals and JSON as it is. */
export function isPlain(text: string): boolean {
  return !NOT_PLAIN.test(text)
}
