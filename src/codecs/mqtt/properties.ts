/** The properties of MQTT 5 (§2.2.2.2): their names, identifiers, wire types, and the packets that may carry them. */

/**
 * Properties by their specification's names. Absent means not on the wire. Integers are in the units of the
 * specification: intervals in seconds, sizes in bytes.
 */
export interface Properties {
  /** 1: the payload is UTF-8 text; 0: unspecified bytes. */
  payloadFormatIndicator?: 0 | 1
  /** Seconds. */
  messageExpiryInterval?: number
  contentType?: string
  responseTopic?: string
  correlationData?: Uint8Array
  /** Exactly one in a SUBSCRIBE; in a PUBLISH one for each matching subscription. 1 to 268435455. */
  subscriptionIdentifier?: number[]
  /** Seconds; 0xFFFFFFFF: never expires. */
  sessionExpiryInterval?: number
  assignedClientIdentifier?: string
  /** Seconds. */
  serverKeepAlive?: number
  authenticationMethod?: string
  authenticationData?: Uint8Array
  requestProblemInformation?: boolean
  /** Seconds. */
  willDelayInterval?: number
  requestResponseInformation?: boolean
  responseInformation?: string
  serverReference?: string
  reasonString?: string
  /** 1 to 65535. */
  receiveMaximum?: number
  topicAliasMaximum?: number
  /** 1 to 65535. */
  topicAlias?: number
  maximumQos?: 0 | 1
  retainAvailable?: boolean
  /** Names may repeat; the order is kept. */
  userProperties?: [name: string, value: string][]
  /** Bytes, 1 to 4294967295. */
  maximumPacketSize?: number
  wildcardSubscriptionAvailable?: boolean
  subscriptionIdentifiersAvailable?: boolean
  sharedSubscriptionAvailable?: boolean
}

/** Who may carry properties: the packet types of MQTT 5, and the will inside a CONNECT. */
export type PropertyOwner =
  | 'connect'
  | 'will'
  | 'connack'
  | 'publish'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'subscribe'
  | 'suback'
  | 'unsubscribe'
  | 'unsuback'
  | 'disconnect'
  | 'auth'

/**
 * How a value is encoded and what it may be. `flag` is a byte read as a boolean, `bit` one read as 0 or 1; the `count`
 * types may not be 0; `topic` is a string without wildcards.
 */
export const PROPERTY_KINDS = {
  flag: 1,
  bit: 2,
  uint16: 3,
  count16: 4,
  uint32: 5,
  count32: 6,
  countVarint: 7,
  binary: 8,
  text: 9,
  topic: 10,
  textPair: 11,
} as const

export type PropertyKind = keyof typeof PROPERTY_KINDS

export interface PropertySpec {
  id: number
  name: keyof Properties
  kind: PropertyKind
  owners: readonly PropertyOwner[]
}

const ACKNOWLEDGEMENTS = ['puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback'] as const

/** Table 2-4 of MQTT 5. */
export const PROPERTY_SPECS: readonly PropertySpec[] = [
  { id: 0x01, name: 'payloadFormatIndicator', kind: 'bit', owners: ['publish', 'will'] },
  { id: 0x02, name: 'messageExpiryInterval', kind: 'uint32', owners: ['publish', 'will'] },
  { id: 0x03, name: 'contentType', kind: 'text', owners: ['publish', 'will'] },
  { id: 0x08, name: 'responseTopic', kind: 'topic', owners: ['publish', 'will'] },
  { id: 0x09, name: 'correlationData', kind: 'binary', owners: ['publish', 'will'] },
  { id: 0x0b, name: 'subscriptionIdentifier', kind: 'countVarint', owners: ['publish', 'subscribe'] },
  { id: 0x11, name: 'sessionExpiryInterval', kind: 'uint32', owners: ['connect', 'connack', 'disconnect'] },
  { id: 0x12, name: 'assignedClientIdentifier', kind: 'text', owners: ['connack'] },
  { id: 0x13, name: 'serverKeepAlive', kind: 'uint16', owners: ['connack'] },
  { id: 0x15, name: 'authenticationMethod', kind: 'text', owners: ['connect', 'connack', 'auth'] },
  { id: 0x16, name: 'authenticationData', kind: 'binary', owners: ['connect', 'connack', 'auth'] },
  { id: 0x17, name: 'requestProblemInformation', kind: 'flag', owners: ['connect'] },
  { id: 0x18, name: 'willDelayInterval', kind: 'uint32', owners: ['will'] },
  { id: 0x19, name: 'requestResponseInformation', kind: 'flag', owners: ['connect'] },
  { id: 0x1a, name: 'responseInformation', kind: 'text', owners: ['connack'] },
  { id: 0x1c, name: 'serverReference', kind: 'text', owners: ['connack', 'disconnect'] },
  { id: 0x1f, name: 'reasonString', kind: 'text', owners: ['connack', ...ACKNOWLEDGEMENTS, 'disconnect', 'auth'] },
  { id: 0x21, name: 'receiveMaximum', kind: 'count16', owners: ['connect', 'connack'] },
  { id: 0x22, name: 'topicAliasMaximum', kind: 'uint16', owners: ['connect', 'connack'] },
  { id: 0x23, name: 'topicAlias', kind: 'count16', owners: ['publish'] },
  { id: 0x24, name: 'maximumQos', kind: 'bit', owners: ['connack'] },
  { id: 0x25, name: 'retainAvailable', kind: 'flag', owners: ['connack'] },
  {
    id: 0x26,
    name: 'userProperties',
    kind: 'textPair',
    owners: ['connect', 'will', 'connack', 'publish', ...ACKNOWLEDGEMENTS, 'subscribe', 'unsubscribe', 'disconnect', 'auth'],
  },
  { id: 0x27, name: 'maximumPacketSize', kind: 'count32', owners: ['connect', 'connack'] },
  { id: 0x28, name: 'wildcardSubscriptionAvailable', kind: 'flag', owners: ['connack'] },
  { id: 0x29, name: 'subscriptionIdentifiersAvailable', kind: 'flag', owners: ['connack'] },
  { id: 0x2a, name: 'sharedSubscriptionAvailable', kind: 'flag', owners: ['connack'] },
]

/** The specification of a property by its identifier. */
export const SPEC_OF_ID: readonly (PropertySpec | undefined)[] = Array.from({ length: 0x2b }, (_, id) =>
  PROPERTY_SPECS.find(spec => spec.id === id),
)

/** The specification of a property by its name. */
export const SPEC_OF_NAME: ReadonlyMap<string, PropertySpec> = new Map(PROPERTY_SPECS.map(spec => [spec.name, spec]))

/** The bit that stands for an owner in {@link ownersOfId}: its packet type, or 0 for the will. */
export const OWNER_BITS: Readonly<Record<PropertyOwner, number>> = {
  will: 1,
  connect: 1 << 1,
  connack: 1 << 2,
  publish: 1 << 3,
  puback: 1 << 4,
  pubrec: 1 << 5,
  pubrel: 1 << 6,
  pubcomp: 1 << 7,
  subscribe: 1 << 8,
  suback: 1 << 9,
  unsubscribe: 1 << 10,
  unsuback: 1 << 11,
  disconnect: 1 << 14,
  auth: 1 << 15,
}

const OWNERS_OF_ID = Uint16Array.from(SPEC_OF_ID, spec => (spec?.owners ?? []).reduce((bits, owner) => bits | OWNER_BITS[owner], 0))
const KIND_OF_ID = Uint8Array.from(SPEC_OF_ID, spec => (spec ? PROPERTY_KINDS[spec.kind] : 0))

/** The bits of the owners that may carry a property; 0 for an unknown identifier. */
export function ownersOfId(id: number): number {
  return OWNERS_OF_ID[id] ?? 0
}

/** The kind of a property as a number of {@link PROPERTY_KINDS}; 0 for an unknown identifier. */
export function kindOfId(id: number): number {
  return KIND_OF_ID[id] ?? 0
}
