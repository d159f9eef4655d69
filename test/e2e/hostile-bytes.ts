/** Bytes as no decent peer sends them: random ones, and good ones cut short or spoiled. */
import { encodeMessage, METHOD, pathOptions, TYPE } from '#codecs/coap/index.ts'
import { encodePacket, type MqttVersion, type Packet } from '#codecs/mqtt/index.ts'
import type { Random } from '../support/random.ts'

const VERSIONS: readonly MqttVersion[] = [3, 4, 5]

/** What a client may say, in its usual order. */
function goodPackets(version: MqttVersion, clientId: string): Packet[] {
  const payload = Buffer.from('x'.repeat(40))
  const subscription = { filter: 'bad/+/#', qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  return [
    {
      type: 'connect',
      protocolVersion: version,
      clientId,
      keepAlive: 30,
      cleanStart: true,
      will: { topic: 'bad/will', payload, qos: 1, retain: false },
    },
    { type: 'subscribe', packetId: 1, subscriptions: [subscription] },
    { type: 'publish', topic: 'bad/a', payload, qos: 0, retain: false, dup: false },
    { type: 'publish', topic: 'bad/b', payload, qos: 1, retain: true, dup: false, packetId: 2 },
    { type: 'publish', topic: 'bad/c', payload, qos: 2, retain: false, dup: false, packetId: 3 },
    { type: 'pubrel', packetId: 3, reasonCode: 0 },
    { type: 'puback', packetId: 9, reasonCode: 0 },
    { type: 'unsubscribe', packetId: 4, filters: ['bad/#'] },
    { type: 'pingreq' },
    { type: 'disconnect', reasonCode: 0 },
  ]
}

/** Some bytes of a message changed, taken away, doubled, or its end cut off. */
function spoil(random: Random, good: Buffer): Buffer {
  const bytes = Buffer.from(good)
  switch (random.whole(0, 5)) {
    case 0:
      return bytes.subarray(0, random.whole(0, bytes.length))
    case 1:
      for (let i = random.whole(1, 5); i > 0; i--) bytes[random.whole(0, bytes.length)] = random.whole(0, 256)
      return bytes
    case 2: {
      const at = random.whole(0, bytes.length)
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.whole(1, 8))])
    }
    case 3: {
      const at = random.whole(0, bytes.length)
      return Buffer.concat([bytes.subarray(0, at), random.bytes(random.whole(1, 200)), bytes.subarray(at)])
    }
    default: {
      const at = random.whole(0, bytes.length)
      return Buffer.concat([bytes.subarray(0, at), bytes])
    }
  }
}

/** What one hostile connection to an MQTT listener sends. Client ids begin with `bad`. */
export function hostileStream(random: Random): Buffer {
  if (random.whole(0, 4) === 0) return random.bytes(random.whole(0, 600))
  const version = random.one(VERSIONS)
  const frames = goodPackets(version, `bad${random.whole(0, 50)}`).map(packet => Buffer.from(encodePacket(packet, version)))
  const connect = frames[0] as Buffer
  // Half of them get past the CONNECT.
  const rest = Array.from({ length: random.whole(1, 6) }, () => random.one(frames))
  const wrong = random.whole(0, rest.length)
  const talk = rest.map((frame, i) => (i === wrong ? spoil(random, frame) : frame))
  return Buffer.concat([random.whole(0, 2) === 0 ? connect : spoil(random, connect), ...talk])
}

/** A datagram for a CoAP listener. Its topics begin with `bad/`. */
export function hostileDatagram(random: Random): Buffer {
  if (random.whole(0, 3) === 0) return random.bytes(random.whole(0, 300))
  const good = encodeMessage({
    type: random.one([TYPE.CON, TYPE.NON]),
    code: random.one([METHOD.GET, METHOD.PUT, METHOD.POST, METHOD.DELETE]),
    messageId: random.whole(0, 0x10000),
    token: random.bytes(random.whole(0, 9)),
    options: pathOptions(['ps', 'bad', String(random.whole(0, 10))]),
    payload: random.bytes(random.whole(0, 60)),
  })
  return spoil(random, Buffer.from(good))
}

/** What noise on a serial line brings; ends with a newline, so that the next good line begins anew. */
export function hostileLine(random: Random): Buffer {
  const bytes = random.whole(0, 50) === 0 ? random.bytes(random.whole(4000, 20_000)) : random.bytes(random.whole(0, 120))
  return Buffer.concat([bytes, Buffer.from('\n')])
}
