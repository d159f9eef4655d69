/**
 * The properties as the sections on each packet list them (MQTT 5 §3.1.2.11 to §3.15.2.2): written down apart from the
 * codec's own table, which follows §2.2.2.2, so that each checks the other.
 */

import type { Properties, PropertyOwner } from '#codecs/mqtt/index.ts'

/** For each owner: the identifiers it may carry, and a packet with `@` where the properties go. */
export const OWNERS: Readonly<Record<PropertyOwner, { ids: string; packet: string }>> = {
  connect: { ids: '11 21 27 22 19 17 26 15 16', packet: '10 [ "MQTT" 05 02 003c [ @ ] "c" ]' },
  will: { ids: '18 01 02 03 08 09 26', packet: '10 [ "MQTT" 05 06 003c [ ] "c" [ @ ] "w" "p" ]' },
  connack: { ids: '11 21 24 25 27 12 22 1f 26 28 29 2a 13 1a 1c 15 16', packet: '20 [ 00 00 [ @ ] ]' },
  publish: { ids: '01 02 23 08 09 26 0b 03', packet: '30 [ "a" [ @ ] ]' },
  puback: { ids: '1f 26', packet: '40 [ 0001 00 [ @ ] ]' },
  pubrec: { ids: '1f 26', packet: '50 [ 0001 00 [ @ ] ]' },
  pubrel: { ids: '1f 26', packet: '62 [ 0001 00 [ @ ] ]' },
  pubcomp: { ids: '1f 26', packet: '70 [ 0001 00 [ @ ] ]' },
  subscribe: { ids: '0b 26', packet: '82 [ 0001 [ @ ] "a" 00 ]' },
  suback: { ids: '1f 26', packet: '90 [ 0001 [ @ ] 00 ]' },
  unsubscribe: { ids: '26', packet: 'a2 [ 0001 [ @ ] "a" ]' },
  unsuback: { ids: '1f 26', packet: 'b0 [ 0001 [ @ ] 00 ]' },
  disconnect: { ids: '11 1f 26 1c', packet: 'e0 [ 00 [ @ ] ]' },
  auth: { ids: '15 16 1f 26', packet: 'f0 [ 18 [ @ ] ]' },
}

export interface PropertyVector {
  id: string
  properties: Properties
  /** The value on the wire. */
  value: string
  /** Values that break the specification, with the reason code. */
  bad: readonly (readonly [wire: string, reason: number])[]
}

const cut16 = [
  ['', 0x81],
  ['00', 0x81],
] as const
const cut32 = [...cut16, ['0000', 0x81], ['000000', 0x81]] as const
const cutText = [...cut16, ['0001', 0x81], ['0002 61', 0x81]] as const
const badText = [...cutText, ['0001 00', 0x81], ['0003 eda080', 0x81], ['0002 c0af', 0x81], ['0001 ff', 0x81]] as const
const badByte = [
  ['', 0x81],
  ['02', 0x82],
  ['ff', 0x82],
] as const

export const PROPERTY_VECTORS: readonly PropertyVector[] = [
  { id: '01', properties: { payloadFormatIndicator: 1 }, value: '01', bad: badByte },
  { id: '02', properties: { messageExpiryInterval: 0xfffffffe }, value: 'fffffffe', bad: cut32 },
  { id: '03', properties: { contentType: 'text/é' }, value: '"text/é"', bad: badText },
  { id: '08', properties: { responseTopic: 'r/1' }, value: '"r/1"', bad: [...badText, ['"a/+"', 0x81], ['"#"', 0x81], ['""', 0x82]] },
  { id: '09', properties: { correlationData: Buffer.from([0, 0xff]) }, value: '0002 00ff', bad: cutText },
  {
    id: '0b',
    properties: { subscriptionIdentifier: [268435455] },
    value: 'ffffff7f',
    bad: [
      ['', 0x81],
      ['00', 0x82],
      ['80', 0x81],
      ['8000', 0x81],
      ['8080808001', 0x81],
    ],
  },
  { id: '11', properties: { sessionExpiryInterval: 0xffffffff }, value: 'ffffffff', bad: cut32 },
  { id: '12', properties: { assignedClientIdentifier: 'given' }, value: '"given"', bad: badText },
  { id: '13', properties: { serverKeepAlive: 0 }, value: '0000', bad: cut16 },
  { id: '15', properties: { authenticationMethod: 'm' }, value: '"m"', bad: badText },
  { id: '16', properties: { authenticationData: Buffer.from([1]) }, value: '0001 01', bad: cutText },
  { id: '17', properties: { requestProblemInformation: true }, value: '01', bad: badByte },
  { id: '18', properties: { willDelayInterval: 1 }, value: '00000001', bad: cut32 },
  { id: '19', properties: { requestResponseInformation: false }, value: '00', bad: badByte },
  { id: '1a', properties: { responseInformation: '' }, value: '""', bad: badText },
  { id: '1c', properties: { serverReference: 'host' }, value: '"host"', bad: badText },
  { id: '1f', properties: { reasonString: 'why' }, value: '"why"', bad: badText },
  { id: '21', properties: { receiveMaximum: 65535 }, value: 'ffff', bad: [...cut16, ['0000', 0x82]] },
  { id: '22', properties: { topicAliasMaximum: 0 }, value: '0000', bad: cut16 },
  { id: '23', properties: { topicAlias: 258 }, value: '0102', bad: [...cut16, ['0000', 0x94]] },
  { id: '24', properties: { maximumQos: 0 }, value: '00', bad: badByte },
  { id: '25', properties: { retainAvailable: true }, value: '01', bad: badByte },
  {
    id: '26',
    properties: { userProperties: [['k', 'v']] },
    value: '"k" "v"',
    bad: [...badText, ['"k"', 0x81], ['"k" 00', 0x81], ['"k" 0002 61', 0x81], ['"k" 0001 00', 0x81], ['"k" 0003 edbfbf', 0x81]],
  },
  { id: '27', properties: { maximumPacketSize: 1 }, value: '00000001', bad: [...cut32, ['00000000', 0x82]] },
  { id: '28', properties: { wildcardSubscriptionAvailable: false }, value: '00', bad: badByte },
  { id: '29', properties: { subscriptionIdentifiersAvailable: false }, value: '00', bad: badByte },
  { id: '2a', properties: { sharedSubscriptionAvailable: false }, value: '00', bad: badByte },
]

/** Identifiers that no property has, as they would stand on the wire. */
export const UNKNOWN_IDS: readonly string[] = [
  '00',
  '04',
  '05',
  '06',
  '07',
  '0a',
  '0c',
  '0d',
  '0e',
  '0f',
  '10',
  '14',
  '1b',
  '1d',
  '1e',
  '20',
  '2b',
  '41',
  '7f',
  '8001',
  '8100',
  'ff7f',
  'ffffff7f',
]
