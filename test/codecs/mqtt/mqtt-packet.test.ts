/** mqtt-packet, which others wrote, as a second opinion: on valid packets both ways, and on malformed ones. */

import mqttPacket, { type Packet as OtherPacket } from 'mqtt-packet'
import t from 'tap'
import { decodePacket, encodePacket, type MqttVersion, type Packet, type Properties } from '#codecs/mqtt/index.ts'
import { PacketGenerator, typesOf } from '../../fuzz/mqtt-packets.ts'
import { MALFORMED_VECTORS } from '../../vectors/mqtt/malformed.ts'
import { PACKET_VECTORS } from '../../vectors/mqtt/packets.ts'
import { wire } from '../../vectors/mqtt/wire.ts'

type Fields = Record<string, unknown>

const ROUNDS = 60

/** What mqtt-packet notes down for every packet, and means nothing but in a PUBLISH. */
const FILLERS = new Set(['length', 'dup', 'qos', 'retain', 'payload', 'topic'])

/** Valid packets that mqtt-packet refuses or reads otherwise, with the reason why they are valid. */
const READ_OTHERWISE: Readonly<Record<string, string>> = {
  'CONNECT of 3.1 whose flags promise credentials that do not come': 'MQTT 3.1 §3.1: the remaining length wins over the flags',
  'CONNECT of 3.1 with bits that 3.1 does not use': 'MQTT 3.1 §3.1: the bits are not used, those of the will are disregarded',
  'CONNACK of 3.1 with its reserved byte set': 'MQTT 3.1 §3.2: the byte is reserved and not used',
  'SUBSCRIBE of 3.1, repeated, with unused bits': 'MQTT 3.1 §3.8: DUP marks a repetition, the other bits are not used',
  'AUTH with nothing': 'MQTT 5 §3.15.2.1: reason code and property length may be left out',
}

/** Malformed packets that mqtt-packet accepts, by their vectors' names: where this codec is stricter, and why. */
const STRICTER: readonly (readonly [names: RegExp, reason: string])[] = [
  [/^(PUBLISH topic|(UN)?SUBSCRIBE filter|CONNECT (client identifier|will topic|user name)): /, '§1.5.4: ill-formed UTF-8 and U+0000'],
  [/^(user property (name|value)|content type|response topic|reason string): /, '§1.5.4: ill-formed UTF-8 and U+0000, in properties'],
  [/^CONNECT: (client identifier (with U\+0000|overlong)|user name with a surrogate|will topic with U\+0000)/, '§1.5.4, in a CONNECT'],
  [/topic (with [+#]|empty)|empty topic/, '§4.7: topic names have no wildcards and at least one character'],
  [/SUBSCRIBE (to|from) /, '§4.7.1, §4.8.2: the syntax of topic filters'],
  [/packet identifier 0/, '[MQTT-2.2.1-3]: it is never 0'],
  [/with nothing$|: nothing$|cut in|ends in|: no (packet identifier|property length|reason code)|length cut/, 'a field that is missing'],
  [/bytes after the end|with a body|with a reason code$/, 'bytes after the last field'],
  [/not in its shortest form/, '[MQTT-1.5.5-1]: variable byte integers are as short as they can be'],
  [/: no (filter|code)|without a code/, '[MQTT-3.8.3-2] [MQTT-3.10.3-2]: there is at least one filter, and a code for each'],
  [/protocol level|bridge bit/, '[MQTT-3.1.2-2]: name and level belong together'],
  [/client identifier in 3\.1|empty client identifier/, '[MQTT-3.1.3-8], MQTT 3.1 §3.1: which client identifiers a version allows'],
  [/password without user name/, '[MQTT-3.1.2-22] of 3.1.1'],
  [/QoS 3/, '[MQTT-3.1.2-12]: the QoS of a will is 0 to 2'],
  [/DUP at QoS 0/, '[MQTT-3.3.1-2]'],
  [/authentication data|AUTH with/, '§3.1.2.11.10, §3.15.2.2.2: authentication data belongs to a method'],
  [/AUTH without/, '§3.15.2.2.2: an AUTH names its method'],
  [/return code|reason code of MQTT 5/, '[MQTT-3.2.2-8]: the codes of a CONNACK'],
  [/session with a refusal/, '[MQTT-3.2.2-6]'],
  [/topic alias 0|alias 0/, '[MQTT-3.3.2-8]'],
  [/no local on a shared/, '[MQTT-3.8.3-4]'],
  [/two subscription identifiers/, '§3.8.2.1.2: a SUBSCRIBE has one'],
]

t.test('each packet that is generated reads alike in both codecs', async t => {
  const generator = new PacketGenerator(5)
  for (const version of [3, 4, 5] as const) {
    for (const type of typesOf(version)) {
      for (let round = 0; round < ROUNDS; round += 1) {
        const packet = generator.packet(type, version)
        const ours = Buffer.from(encodePacket(packet, version))
        const theirs = parse(ours, version)
        const expected = comparable(toOther(packet, version))
        t.strictSame(theirs, [withoutEmptyFirst(expected)], `${type} of level ${version} as mqtt-packet reads it`)
        if (cannotWrite(packet)) continue
        const generated = mqttPacket.generate(toOther(packet, version) as unknown as OtherPacket, { protocolVersion: version })
        const decoded = toOther(decodePacket(generated, 0, generated.length, version), version)
        t.strictSame(comparable(decoded), expected, `${type} of level ${version} as mqtt-packet writes it`)
      }
    }
  }
})

t.test('valid packets that mqtt-packet reads otherwise are known', async t => {
  for (const { name, versions, wire: text, packet } of PACKET_VECTORS) {
    for (const version of versions) {
      const theirs = parse(wire(text), version)
      const same = JSON.stringify(theirs) === JSON.stringify([comparable(toOther(packet, version))])
      t.equal(!same, name in READ_OTHERWISE, `${name} ${JSON.stringify(theirs)}`)
    }
  }
})

t.test('malformed packets that mqtt-packet accepts are known', async t => {
  const unused = new Set(STRICTER.map(([, reason]) => reason))
  for (const { name, versions, wire: text } of MALFORMED_VECTORS) {
    for (const version of versions) {
      if (!Array.isArray(parse(wire(text), version))) continue
      const known = STRICTER.filter(([names]) => names.test(name))
      for (const [, reason] of known) unused.delete(reason)
      t.ok(known.length > 0, `${name} (level ${version})`)
    }
  }
  t.strictSame([...unused], [], 'entries of the list that no vector needs')
})

/** mqtt-packet writes no password without a user name, which MQTT 5 allows (§3.1.2.9). */
function cannotWrite(packet: Packet): boolean {
  return packet.type === 'connect' && packet.password !== undefined && packet.username === undefined
}

/** mqtt-packet, when it reads a user property twice, forgets the first value if it is empty; MQTT 5 (§3.3.2.3.7) keeps all. */
function withoutEmptyFirst(packet: unknown): unknown {
  const text = JSON.stringify(packet, (name, value) => (name === 'a' && Array.isArray(value) && value[0] === '' ? value[1] : value))
  return JSON.parse(text)
}

/** What mqtt-packet makes of the bytes: its packets, or the text of its error. */
function parse(bytes: Buffer, version: MqttVersion): unknown {
  const parser = mqttPacket.parser({ protocolVersion: version })
  const packets: unknown[] = []
  let failure: string | undefined
  parser.on('packet', packet => packets.push(comparable(packet as unknown as Fields)))
  parser.on('error', error => {
    failure = String(error)
  })
  try {
    const left = parser.parse(bytes)
    if (left > 0) failure ??= `${left} bytes left`
  } catch (error) {
    failure = String(error)
  }
  return failure ?? packets
}

/** A packet as mqtt-packet writes it down. */
function toOther(packet: Packet, version: MqttVersion): Fields {
  const { type, ...fields } = packet as Packet & Fields
  const other: Fields = { cmd: type, ...fields }
  if ('packetId' in fields) rename(other, 'packetId', 'messageId')
  if ('properties' in fields) other['properties'] = toOtherProperties(fields['properties'] as Properties)
  switch (packet.type) {
    case 'connect':
      return connectToOther(packet, other)
    case 'connack':
      if (version !== 5) rename(other, 'reasonCode', 'returnCode')
      break
    case 'subscribe':
      other['subscriptions'] = packet.subscriptions.map(({ filter, qos, noLocal, retainAsPublished, retainHandling }) =>
        version === 5 ? { topic: filter, qos, nl: noLocal, rap: retainAsPublished, rh: retainHandling } : { topic: filter, qos },
      )
      break
    case 'unsubscribe':
      rename(other, 'filters', 'unsubscriptions')
      break
    case 'suback':
    case 'unsuback':
      rename(other, 'reasonCodes', 'granted')
      if (packet.type === 'unsuback' && version !== 5) delete other['granted']
      break
    case 'publish':
      break
    default:
      if (version !== 5) delete other['reasonCode']
  }
  return other
}

function connectToOther(packet: Packet & { type: 'connect' }, other: Fields): Fields {
  other['protocolId'] = packet.protocolVersion === 3 ? 'MQIsdp' : 'MQTT'
  rename(other, 'cleanStart', 'clean')
  rename(other, 'keepAlive', 'keepalive')
  if (packet.bridge) rename(other, 'bridge', 'bridgeMode')
  if (packet.will?.properties) other['will'] = { ...packet.will, properties: toOtherProperties(packet.will.properties) }
  return other
}

function toOtherProperties(properties: Properties): Fields {
  const other: Fields = { ...properties }
  if (properties.payloadFormatIndicator !== undefined) other['payloadFormatIndicator'] = properties.payloadFormatIndicator === 1
  if (properties.maximumQos !== undefined) rename(other, 'maximumQos', 'maximumQoS')
  if (properties.subscriptionIdentifier?.length === 1) other['subscriptionIdentifier'] = properties.subscriptionIdentifier[0]
  if (properties.userProperties) {
    const users: Record<string, string | string[]> = {}
    for (const [name, value] of properties.userProperties) {
      const before = users[name]
      users[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value]
    }
    other['userProperties'] = users
  }
  return other
}

function rename(fields: Fields, from: string, to: string): void {
  fields[to] = fields[from]
  delete fields[from]
}

/** Fields in one order, bytes as hexadecimal, without fillers. */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(comparable)
  if (value === null || typeof value !== 'object') return value
  const isFiller = 'cmd' in value ? (name: string) => (value.cmd === 'publish' ? name === 'length' : FILLERS.has(name)) : () => false
  const fields = Object.entries(value).filter(([name, field]) => field !== undefined && !isFiller(name))
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, field]) => [name, comparable(field)]))
}
