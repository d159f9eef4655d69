/** What comes to an MQTT port and is no MQTT: named, so that whoever looks for the fault finds it at once. */

/** The protocol that begins like this, undefined if it is none that people mix up with MQTT. */
export function foreignProtocol(bytes: Uint8Array, at: number): string | undefined {
  // A TLS record of type handshake; an MQTT header of this value has reserved flags set.
  if (bytes[at] === 0x16 && bytes[at + 1] === 0x03) return 'TLS'
  for (let i = at; i < at + 3; i++) if (!(bytes[i] >= 0x41 && bytes[i] <= 0x5a)) return undefined
  return bytes[at] === 0x53 && bytes[at + 1] === 0x53 ? 'SSH' : 'HTTP'
}
