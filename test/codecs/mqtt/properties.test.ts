import t from 'tap'
import { isGatewayError } from '#base/errors.ts'
import {
  checkProperties,
  decodePacket,
  decodeProperties,
  encodeProperties,
  type Properties,
  type PropertyOwner,
} from '#codecs/mqtt/index.ts'
import { OWNERS, PROPERTY_VECTORS, UNKNOWN_IDS } from '../../vectors/mqtt/properties.ts'
import { wire } from '../../vectors/mqtt/wire.ts'
import { expectFault } from './expect-fault.ts'

const OWNER_NAMES = Object.keys(OWNERS) as PropertyOwner[]
const METHOD = '15 "m"'

t.test('each property is decoded and encoded in each packet that may carry it', async t => {
  for (const [owner, vector] of pairs()) {
    if (!mayCarry(owner, vector.id)) continue
    const bytes = wire(withMethod(owner, vector.id, `${vector.id} ${vector.value}`))
    const expected = { ...methodOf(owner, vector.id), ...vector.properties }
    const name = `${vector.id} in ${owner}`
    t.strictSame(json(decodeProperties(bytes, 0, bytes.length, owner)), json(expected), name)
    t.strictSame(json(propertiesOf(decode(owner, bytes.toString('hex')), owner)), json(expected), name)
    t.equal(Buffer.from(encodeProperties(expected, owner)).toString('hex'), bytes.toString('hex'), name)
  }
})

t.test('a packet that may not carry a property is malformed with it, and cannot be encoded with it (§2.2.2.2)', async t => {
  for (const [owner, vector] of pairs()) {
    if (mayCarry(owner, vector.id)) continue
    expectFault(t, () => decode(owner, `${vector.id} ${vector.value}`), `${vector.id} in ${owner}`, 0x81, 100)
    t.throws(() => encodeProperties(vector.properties, owner), { code: 'encode-range' }, `${vector.id} in ${owner}`)
  }
})

t.test('a property that appears twice is a protocol error, unless it may', async t => {
  for (const [owner, { id, value }] of pairs()) {
    if (!mayCarry(owner, id)) continue
    const text = withMethod(owner, id, `${id} ${value} ${id} ${value}`)
    if (id === '26' || (id === '0b' && owner === 'publish')) t.doesNotThrow(() => decode(owner, text), `${id} twice in ${owner}`)
    else expectFault(t, () => decode(owner, text), `${id} twice in ${owner}`, 0x82, 100)
  }
})

t.test('a bad value is refused in each packet that may carry the property', async t => {
  for (const [owner, { id, bad }] of pairs()) {
    if (!mayCarry(owner, id)) continue
    for (const [value, reason] of bad) {
      const text = withMethod(owner, id, `${id} ${value}`)
      expectFault(t, () => decode(owner, text), `${id} ${value} in ${owner}`, reason, 100)
    }
  }
})

t.test('an unknown identifier is malformed in every packet', async t => {
  for (const owner of OWNER_NAMES) {
    for (const id of UNKNOWN_IDS) expectFault(t, () => decode(owner, `${id} 01`), `${id} in ${owner}`, 0x81, 100)
  }
})

t.test('a check of properties returns the topic alias', async t => {
  const bytes = wire('01 01 23 0102 26 "k" "v"')
  t.equal(checkProperties(bytes, 0, bytes.length, 'publish'), 258)
  t.equal(checkProperties(bytes, 0, 2, 'publish'), 0)
})

t.test('offsets count from the origin that is given', async t => {
  const bytes = wire('ffff 01 01 01 01')
  expectFault(t, () => checkProperties(bytes, 2, 6, 'publish'), 'from the start', 0x82, 6, 2)
  expectFault(t, () => checkProperties(bytes, 2, 6, 'publish', 0), 'from the origin', 0x82, 6, 4)
})

t.test('the order of user properties and of subscription identifiers is kept', async t => {
  const properties: Properties = {
    userProperties: [
      ['z', '1'],
      ['a', '2'],
      ['z', '3'],
    ],
    subscriptionIdentifier: [9, 1, 9],
  }
  const bytes = encodeProperties(properties)
  t.strictSame(decodeProperties(bytes, 0, bytes.length), properties)
})

t.test('values out of range cannot be encoded', async t => {
  const bad: [PropertyOwner, unknown][] = [
    ['publish', { payloadFormatIndicator: 2 }],
    ['publish', { messageExpiryInterval: -1 }],
    ['publish', { messageExpiryInterval: 0x1_0000_0000 }],
    ['publish', { messageExpiryInterval: 1.5 }],
    ['publish', { messageExpiryInterval: Number.NaN }],
    ['publish', { messageExpiryInterval: '1' }],
    ['publish', { topicAlias: 0 }],
    ['publish', { topicAlias: 65536 }],
    ['publish', { responseTopic: '' }],
    ['publish', { responseTopic: 'a/#' }],
    ['publish', { contentType: 'x'.repeat(65536) }],
    ['publish', { contentType: 'é'.repeat(32768) }],
    ['publish', { contentType: 'a\0b' }],
    ['publish', { contentType: '\uD800' }],
    ['publish', { contentType: 7 }],
    ['publish', { correlationData: 'text' }],
    ['publish', { correlationData: new Uint8Array(65536) }],
    ['publish', { subscriptionIdentifier: [0] }],
    ['publish', { subscriptionIdentifier: [268435456] }],
    ['publish', { subscriptionIdentifier: 1 }],
    ['publish', { userProperties: [['k']] }],
    ['publish', { userProperties: [['k', '\uDC00']] }],
    ['publish', { userProperties: [['k\0', 'v']] }],
    ['publish', { userProperties: { k: 'v' } }],
    ['publish', { topicAliass: 1 }],
    ['publish', { constructor: 1 }],
    ['subscribe', { subscriptionIdentifier: [1, 2] }],
    ['connect', { receiveMaximum: 0 }],
    ['connect', { maximumPacketSize: 0 }],
    ['connect', { requestProblemInformation: 1 }],
    ['connect', { authenticationData: new Uint8Array(1) }],
    ['connack', { maximumQos: 2 }],
  ]
  for (const [owner, properties] of bad) {
    t.throws(() => encodeProperties(properties as Properties, owner), { code: 'encode-range' }, JSON.stringify(properties).slice(0, 60))
  }
})

t.test('properties beyond the largest property length cannot be encoded', async t => {
  const value = 'x'.repeat(65535)
  const userProperties = Array.from({ length: 4100 }, (): [string, string] => ['', value])
  t.throws(() => encodeProperties({ userProperties }), { code: 'encode-range' })
})

t.test('properties that are undefined are not encoded', async t => {
  const properties = { contentType: undefined, topicAlias: 1 } as unknown as Properties
  t.equal(Buffer.from(encodeProperties(properties)).toString('hex'), '230001')
  t.equal(encodeProperties({}).length, 0)
})

function pairs() {
  return OWNER_NAMES.flatMap(owner => PROPERTY_VECTORS.map(vector => [owner, vector] as const))
}

function mayCarry(owner: PropertyOwner, id: string): boolean {
  return OWNERS[owner].ids.split(' ').includes(id)
}

/** An AUTH needs a method always, authentication data wherever it stands. */
function needsMethod(owner: PropertyOwner, id: string): boolean {
  return id !== '15' && mayCarry(owner, id) && (owner === 'auth' || id === '16')
}

function withMethod(owner: PropertyOwner, id: string, text: string): string {
  return needsMethod(owner, id) ? `${METHOD} ${text}` : text
}

function methodOf(owner: PropertyOwner, id: string): Properties {
  return needsMethod(owner, id) ? { authenticationMethod: 'm' } : {}
}

function decode(owner: PropertyOwner, properties: string) {
  const bytes = wire(OWNERS[owner].packet.replace('@', properties))
  try {
    return decodePacket(bytes, 0, bytes.length, 5)
  } catch (error) {
    if (isGatewayError(error)) throw error
    throw new Error(`${owner} ${properties}`, { cause: error })
  }
}

function propertiesOf(packet: ReturnType<typeof decodePacket>, owner: PropertyOwner): Properties | undefined {
  if (packet.type === 'connect' && owner === 'will') return packet.will?.properties
  return 'properties' in packet ? packet.properties : undefined
}

function json(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}
