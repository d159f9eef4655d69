/** Packets that break the specification, with the reason code of the answer. */

import type { MqttVersion } from '#codecs/mqtt/index.ts'

export interface MalformedVector {
  name: string
  versions: readonly MqttVersion[]
  wire: string
  /** The MQTT 5 reason code: 0x81 malformed packet, 0x82 protocol error, … */
  reason: number
  /** Offset of the fault in the packet, where it is worth saying. */
  offset?: number
}

const ALL = [3, 4, 5] as const
const OLD = [3, 4] as const
const NEW = [4, 5] as const
const V5 = [5] as const

type Row = readonly [name: string, versions: readonly MqttVersion[], wire: string, reason: number, offset?: number]

const CONNECT: Row[] = [
  ['protocol name empty', ALL, '10 [ "" 04 02 003c "c" ]', 0x84],
  ['protocol name in lower case', ALL, '10 [ "mqtt" 04 02 003c "c" ]', 0x84, 4],
  ['protocol name too long', ALL, '10 [ "MQTTT" 04 02 003c "c" ]', 0x84],
  ['protocol name unknown', ALL, '10 [ "HTTP" 05 02 003c 00 "c" ]', 0x84],
  ['protocol level 0', ALL, '10 [ "MQTT" 00 02 003c "c" ]', 0x84, 8],
  ['protocol level 3 with the name of 4', ALL, '10 [ "MQTT" 03 02 003c "c" ]', 0x84],
  ['protocol level 6', ALL, '10 [ "MQTT" 06 02 003c 00 "c" ]', 0x84],
  ['protocol level 255', ALL, '10 [ "MQTT" ff 02 003c "c" ]', 0x84],
  ['bridge bit in 5.0', ALL, '10 [ "MQTT" 85 02 003c 00 "c" ]', 0x84],
  ['protocol level 4 with the name of 3', ALL, '10 [ "MQIsdp" 04 02 003c "c" ]', 0x84],
  ['protocol level 5 with the name of 3', ALL, '10 [ "MQIsdp" 05 02 003c 00 "c" ]', 0x84],
  ['nothing', ALL, '10 00', 0x81],
  ['ends in the protocol name', ALL, '10 [ 0004 4d51 ]', 0x81],
  ['ends before the level', ALL, '10 [ "MQTT" ]', 0x81],
  ['ends before the flags', ALL, '10 [ "MQTT" 04 ]', 0x81],
  ['ends in the keep alive', ALL, '10 [ "MQTT" 04 02 00 ]', 0x81],
  ['ends before the client identifier', ALL, '10 [ "MQTT" 04 02 003c ]', 0x81],
  ['ends in the client identifier', ALL, '10 [ "MQTT" 04 02 003c 0002 63 ]', 0x81],
  ['ends before the properties', ALL, '10 [ "MQTT" 05 02 003c ]', 0x81],
  ['ends in the properties', ALL, '10 [ "MQTT" 05 02 003c 05 11 ]', 0x81],
  ['property length swallows the client identifier', ALL, '10 [ "MQTT" 05 02 003c 03 "c" ]', 0x81],
  ['property length of five bytes', ALL, '10 [ "MQTT" 05 02 003c 8080808001 "c" ]', 0x81],
  ['property length not in its shortest form', ALL, '10 [ "MQTT" 05 02 003c 8000 "c" ]', 0x81],
  ['remaining length not in its shortest form in 5.0', ALL, '10 8e00 "MQTT" 05 02 003c 00 "c"', 0x81, 1],
  ['header flags in 3.1.1', ALL, '11 [ "MQTT" 04 02 003c "c" ]', 0x81, 0],
  ['header flags in 5.0', ALL, '18 [ "MQTT" 05 02 003c 00 "c" ]', 0x81, 0],
  ['reserved flag in 3.1.1 [MQTT-3.1.2-3]', ALL, '10 [ "MQTT" 04 03 003c "c" ]', 0x81, 9],
  ['reserved flag in 5.0 [MQTT-3.1.2-3]', ALL, '10 [ "MQTT" 05 03 003c 00 "c" ]', 0x81, 9],
  ['will QoS 1 without a will in 3.1.1 [MQTT-3.1.2-11]', ALL, '10 [ "MQTT" 04 0a 003c "c" ]', 0x81],
  ['will QoS 2 without a will in 5.0 [MQTT-3.1.2-11]', ALL, '10 [ "MQTT" 05 12 003c 00 "c" ]', 0x81],
  ['will retain without a will in 3.1.1 [MQTT-3.1.2-13]', ALL, '10 [ "MQTT" 04 22 003c "c" ]', 0x81],
  ['will retain without a will in 5.0 [MQTT-3.1.2-13]', ALL, '10 [ "MQTT" 05 22 003c 00 "c" ]', 0x81],
  ['will QoS 3 in 3.1', ALL, '10 [ "MQIsdp" 03 1e 003c "c" "w" "p" ]', 0x81],
  ['will QoS 3 in 3.1.1', ALL, '10 [ "MQTT" 04 1e 003c "c" "w" "p" ]', 0x81],
  ['will QoS 3 in 5.0 [MQTT-3.1.2-12]', ALL, '10 [ "MQTT" 05 1e 003c 00 "c" 00 "w" "p" ]', 0x81],
  ['password without user name in 3.1', ALL, '10 [ "MQIsdp" 03 42 003c "c" "p" ]', 0x81],
  ['password without user name in 3.1.1 [MQTT-3.1.2-22]', ALL, '10 [ "MQTT" 04 42 003c "c" "p" ]', 0x81, 9],
  ['empty client identifier in 3.1', ALL, '10 [ "MQIsdp" 03 02 003c "" ]', 0x85, 14],
  ['24 characters of client identifier in 3.1', ALL, '10 [ "MQIsdp" 03 02 003c "123456789012345678901234" ]', 0x85],
  ['empty client identifier with a session in 3.1.1 [MQTT-3.1.3-8]', ALL, '10 [ "MQTT" 04 00 003c "" ]', 0x85, 12],
  ['no will topic', ALL, '10 [ "MQTT" 04 06 003c "c" ]', 0x81],
  ['no will payload', ALL, '10 [ "MQTT" 04 06 003c "c" "w" ]', 0x81],
  ['no will properties in 5.0', ALL, '10 [ "MQTT" 05 06 003c 00 "c" ]', 0x81],
  ['will topic empty', ALL, '10 [ "MQTT" 04 06 003c "c" "" "p" ]', 0x82],
  ['will topic with +', ALL, '10 [ "MQTT" 04 06 003c "c" "a/+" "p" ]', 0x81],
  ['will topic with # in 5.0', ALL, '10 [ "MQTT" 05 06 003c 00 "c" 00 "#" "p" ]', 0x81],
  ['will topic with U+0000', ALL, '10 [ "MQTT" 04 06 003c "c" 0003 610062 "p" ]', 0x81],
  ['no user name in 3.1.1', ALL, '10 [ "MQTT" 04 82 003c "c" ]', 0x81],
  ['no password in 3.1.1', ALL, '10 [ "MQTT" 04 c2 003c "c" "u" ]', 0x81],
  ['no user name in 5.0', ALL, '10 [ "MQTT" 05 82 003c 00 "c" ]', 0x81],
  ['no password in 5.0', ALL, '10 [ "MQTT" 05 42 003c 00 "c" ]', 0x81],
  ['user name cut in 3.1', ALL, '10 [ "MQIsdp" 03 82 003c "c" 00 ]', 0x81],
  ['user name with a surrogate [MQTT-3.1.3-11]', ALL, '10 [ "MQTT" 04 82 003c "c" 0003 eda080 ]', 0x81],
  ['client identifier with U+0000', ALL, '10 [ "MQTT" 04 02 003c 0001 00 ]', 0x81, 14],
  ['client identifier overlong', ALL, '10 [ "MQTT" 04 02 003c 0002 c180 ]', 0x81],
  ['bytes after the end in 3.1', ALL, '10 [ "MQIsdp" 03 02 003c "c" 00 ]', 0x81, 17],
  ['bytes after the end in 3.1.1', ALL, '10 [ "MQTT" 04 02 003c "c" "u" ]', 0x81, 15],
  ['bytes after the end in 5.0', ALL, '10 [ "MQTT" 05 02 003c 00 "c" 00 ]', 0x81],
  ['authentication data without a method', ALL, '10 [ "MQTT" 05 02 003c [ 16 "d" ] "c" ]', 0x82],
]

const CONNACK: Row[] = [
  ['nothing', ALL, '20 00', 0x81],
  ['no reason code', ALL, '20 01 00', 0x81],
  ['no property length', V5, '20 02 0000', 0x81],
  ['bytes after the end', OLD, '20 03 000000', 0x81, 4],
  ['bytes after the end', V5, '20 04 00000000', 0x81],
  ['header flags', NEW, '21 [ 0000 00 ]', 0x81, 0],
  ['reserved acknowledge flags [MQTT-3.2.2-1]', [4], '20 02 0200', 0x81, 2],
  ['reserved acknowledge flags [MQTT-3.2.2-1]', V5, '20 03 800000', 0x81, 2],
  ['session with a refusal [MQTT-3.2.2-4]', [4], '20 02 0105', 0x82],
  ['session with a refusal [MQTT-3.2.2-6]', V5, '20 03 018700', 0x82],
  ['return code 6', OLD, '20 02 0006', 0x82, 3],
  ['reason code of MQTT 5 in MQTT 3', OLD, '20 02 0087', 0x82],
  ['return code of MQTT 3 in MQTT 5', V5, '20 03 000500', 0x82, 3],
  ['authentication data without a method', V5, '20 [ 0000 [ 16 "d" ] ]', 0x82],
]

const PUBLISH: Row[] = [
  ['nothing', ALL, '30 00', 0x81],
  ['ends in the topic length', ALL, '30 01 00', 0x81],
  ['ends in the topic', ALL, '30 [ 0003 61 ]', 0x81, 4],
  ['no packet identifier', ALL, '32 [ "a" ]', 0x81],
  ['ends in the packet identifier', ALL, '32 [ "a" 00 ]', 0x81, 5],
  ['no property length', V5, '30 [ "a" ]', 0x81, 5],
  ['ends in the properties', V5, '30 [ "a" 02 01 ]', 0x81],
  ['property length of five bytes', V5, '30 [ "a" 8080808000 ]', 0x81],
  ['property length not in its shortest form', V5, '30 [ "a" 8000 ]', 0x81],
  ['property length cut', V5, '30 [ "a" 80 ]', 0x81],
  ['remaining length not in its shortest form', V5, '30 8400 "a" 00', 0x81, 1],
  ['QoS 3 [MQTT-3.3.1-4]', ALL, '36 [ "a" 0001 00 ]', 0x81, 0],
  ['QoS 3 with DUP', ALL, '3e [ "a" 0001 00 ]', 0x81],
  ['DUP at QoS 0 [MQTT-3.3.1-2]', ALL, '38 [ "a" 00 ]', 0x81, 0],
  ['packet identifier 0 at QoS 1', ALL, '32 [ "a" 0000 00 ]', 0x82, 5],
  ['packet identifier 0 at QoS 2', ALL, '34 [ "a" 0000 00 ]', 0x82],
  ['empty topic [MQTT-4.7.3-1]', OLD, '30 [ "" 00 ]', 0x82],
  ['empty topic without an alias', V5, '30 [ "" 00 ]', 0x82],
  ['empty topic with other properties', V5, '30 [ "" [ 01 01 ] ]', 0x82],
  ['topic alias 0 [MQTT-3.3.2-8]', V5, '30 [ "a" [ 23 0000 ] ]', 0x94, 7],
  ['empty topic with alias 0', V5, '30 [ "" [ 23 0000 ] ]', 0x94],
  ['topic with + [MQTT-3.3.2-2]', ALL, '30 [ "a/+" 00 ]', 0x81, 6],
  ['topic with # [MQTT-3.3.2-2]', ALL, '30 [ "#" 00 ]', 0x81, 4],
  ['topic with # beyond ASCII', ALL, '30 [ "é#" 00 ]', 0x81, 6],
  ['response topic with # [MQTT-3.3.2-14]', V5, '30 [ "a" [ 08 "r/#" ] ]', 0x81],
  ['response topic empty', V5, '30 [ "a" [ 08 "" ] ]', 0x82],
]

/** Byte sequences that are not UTF-8 strings of MQTT, in any field that is text. */
export const BAD_UTF8: readonly (readonly [name: string, hex: string])[] = [
  ['U+0000 [MQTT-1.5.4-2]', '00'],
  ['U+0000 after text', '610062'],
  ['U+0000 after a multi-byte character', 'c3a900'],
  ['U+D800 [MQTT-1.5.4-1]', 'eda080'],
  ['U+DFFF [MQTT-1.5.4-1]', 'edbfbf'],
  ['a pair of surrogates (CESU-8)', 'eda080edb080'],
  ['an overlong U+0000', 'c080'],
  ['an overlong slash of two bytes', 'c0af'],
  ['an overlong slash of three bytes', 'e080af'],
  ['an overlong slash of four bytes', 'f08080af'],
  ['an overlong U+007F', 'c1bf'],
  ['an overlong U+07FF', 'e09fbf'],
  ['an overlong U+FFFF', 'f08fbfbf'],
  ['U+110000', 'f4908080'],
  ['lead byte F5', 'f5808080'],
  ['lead byte FF', 'ff'],
  ['lead byte FE', 'fe'],
  ['a lone continuation byte', '80'],
  ['a continuation byte after text', '61bf'],
  ['two bytes cut to one', 'c3'],
  ['three bytes cut to two', 'e282'],
  ['four bytes cut to three', 'f09f98'],
  ['two bytes with a bad second', 'c328'],
  ['three bytes with a bad third', 'e28228'],
  ['four bytes with a bad fourth', 'f09f9828'],
  ['Latin-1', '63616665e9'],
]

const UTF8: Row[] = BAD_UTF8.flatMap(([name, hex]) => {
  const field = `${(hex.length / 2).toString(16).padStart(4, '0')} ${hex}`
  return [
    [`PUBLISH topic: ${name}`, OLD, `30 [ ${field} 'p' ]`, 0x81],
    [`PUBLISH topic: ${name}`, V5, `30 [ ${field} 00 'p' ]`, 0x81],
    [`SUBSCRIBE filter: ${name}`, OLD, `82 [ 0001 ${field} 00 ]`, 0x81],
    [`UNSUBSCRIBE filter: ${name}`, V5, `a2 [ 0001 00 ${field} ]`, 0x81],
    [`CONNECT client identifier: ${name}`, ALL, `10 [ "MQTT" 04 02 003c ${field} ]`, 0x81],
    [`CONNECT will topic: ${name}`, ALL, `10 [ "MQTT" 05 06 003c 00 "c" 00 ${field} "p" ]`, 0x81],
    [`CONNECT user name: ${name}`, ALL, `10 [ "MQTT" 05 82 003c 00 "c" ${field} ]`, 0x81],
    [`user property name: ${name}`, V5, `30 [ "a" [ 26 ${field} "v" ] ]`, 0x81],
    [`user property value: ${name}`, V5, `30 [ "a" [ 26 "k" ${field} ] ]`, 0x81],
    [`content type: ${name}`, V5, `30 [ "a" [ 03 ${field} ] ]`, 0x81],
    [`response topic: ${name}`, V5, `30 [ "a" [ 08 ${field} ] ]`, 0x81],
    [`reason string: ${name}`, V5, `40 [ 0001 00 [ 1f ${field} ] ]`, 0x81],
  ] satisfies Row[]
})

const ACKNOWLEDGEMENTS: Row[] = [
  ['PUBACK', '4'],
  ['PUBREC', '5'],
  ['PUBREL', '6'],
  ['PUBCOMP', '7'],
].flatMap(([name, type]) => {
  const flags = type === '6' ? 2 : 0
  const header = `${type}${flags}`
  const wrongFlags = Array.from({ length: 16 }, (_, value) => value).filter(value => value !== flags)
  return [
    ...wrongFlags.map(
      value => [`${name} with flags ${value} [MQTT-2.1.3-1]`, NEW, `${type}${value.toString(16)} 02 0001`, 0x81, 0] as const,
    ),
    [`${name} with nothing`, ALL, `${header} 00`, 0x81],
    [`${name} cut in the packet identifier`, ALL, `${header} 01 00`, 0x81],
    [`${name} with packet identifier 0`, ALL, `${header} 02 0000`, 0x82, 2],
    [`${name} with a reason code`, OLD, `${header} 03 0001 00`, 0x81, 4],
    [`${name} with a reason code it has not`, V5, `${header} 03 0001 01`, 0x82, 4],
    [`${name} cut in the properties`, V5, `${header} 04 0001 00 01`, 0x81],
    [`${name} with bytes after the end`, V5, `${header} 05 0001 00 00 00`, 0x81, 6],
    [`${name} with a remaining length not in its shortest form`, V5, `${header} 8200 0001`, 0x81, 1],
  ] satisfies Row[]
})

/** Filters that break §4.7.1 and §4.8.2. */
export const BAD_FILTERS: readonly string[] = [
  '',
  'a#',
  '#/a',
  'a/#/b',
  '##',
  '/#/',
  'a+',
  '+a',
  'a/b+/c',
  'a/+b',
  '++',
  '+#',
  '#+',
  '$share/',
  '$share//',
  '$share//a',
  '$share/g',
  '$share/g/',
  '$share/+/a',
  '$share/#/a',
  '$share/g+/a',
  '$share/g#/a',
  '$share/g/a#',
  '$share/g/#/a',
  '$share/g/a+',
]

const FILTERS: Row[] = BAD_FILTERS.flatMap(filter => [
  [`SUBSCRIBE to '${filter}'`, OLD, `82 [ 0001 "${filter}" 00 ]`, 0x81, 4],
  [`SUBSCRIBE to '${filter}'`, V5, `82 [ 0001 00 "${filter}" 00 ]`, 0x81, 5],
  [`SUBSCRIBE to '${filter}' after a good filter`, OLD, `82 [ 0001 "a" 00 "${filter}" 00 ]`, 0x81],
  [`UNSUBSCRIBE from '${filter}'`, OLD, `a2 [ 0001 "${filter}" ]`, 0x81],
  [`UNSUBSCRIBE from '${filter}'`, V5, `a2 [ 0001 00 "${filter}" ]`, 0x81],
])

const SUBSCRIBE: Row[] = [
  ['nothing', ALL, '82 00', 0x81],
  ['no packet identifier', ALL, '82 01 00', 0x81],
  ['packet identifier 0', OLD, '82 [ 0000 "a" 00 ]', 0x82, 2],
  ['packet identifier 0', V5, '82 [ 0000 00 "a" 00 ]', 0x82],
  ['no filter [MQTT-3.8.3-2]', OLD, '82 [ 0001 ]', 0x82],
  ['no filter [MQTT-3.8.3-2]', V5, '82 [ 0001 00 ]', 0x82],
  ['no property length', V5, '82 [ 0001 ]', 0x81],
  ['no options', OLD, '82 [ 0001 "a" ]', 0x81],
  ['no options for the second filter', V5, '82 [ 0001 00 "a" 00 "b" ]', 0x81],
  ['filter cut', OLD, '82 [ 0001 0002 61 ]', 0x81],
  ['QoS 3 [MQTT-3.8.3-4]', OLD, '82 [ 0001 "a" 03 ]', 0x81],
  ['QoS 3 (§3.8.3.1)', V5, '82 [ 0001 00 "a" 03 ]', 0x82],
  ...[0x04, 0x08, 0x10, 0x20, 0x40, 0x80].map(
    bit => [`reserved bit ${bit} [MQTT-3.8.3-4]`, [4], `82 [ 0001 "a" ${bit.toString(16).padStart(2, '0')} ]`, 0x81, 7] as const,
  ),
  ['reserved bit 0x40 [MQTT-3.8.3-5]', V5, '82 [ 0001 00 "a" 40 ]', 0x81],
  ['reserved bit 0x80 [MQTT-3.8.3-5]', V5, '82 [ 0001 00 "a" 80 ]', 0x81],
  ['retain handling 3', V5, '82 [ 0001 00 "a" 30 ]', 0x82],
  ['no local on a shared subscription [MQTT-3.8.3-4]', V5, '82 [ 0001 00 "$share/g/a" 04 ]', 0x82],
  ['two subscription identifiers', V5, '82 [ 0001 [ 0b 01 0b 02 ] "a" 00 ]', 0x82],
  ['flags 0 [MQTT-3.8.1-1]', OLD, '80 [ 0001 "a" 00 ]', 0x81, 0],
  ['flags 3 [MQTT-3.8.1-1]', NEW, '83 [ 0001 "a" 00 ]', 0x81],
  ['flags 10 [MQTT-3.8.1-1]', NEW, '8a [ 0001 "a" 00 ]', 0x81],
  ['flags of QoS 2', OLD, '84 [ 0001 "a" 00 ]', 0x81],
]

const UNSUBSCRIBE: Row[] = [
  ['nothing', ALL, 'a2 00', 0x81],
  ['packet identifier 0', OLD, 'a2 [ 0000 "a" ]', 0x82],
  ['packet identifier 0', V5, 'a2 [ 0000 00 "a" ]', 0x82],
  ['no filter [MQTT-3.10.3-2]', OLD, 'a2 [ 0001 ]', 0x82],
  ['no filter [MQTT-3.10.3-2]', V5, 'a2 [ 0001 00 ]', 0x82],
  ['no property length', V5, 'a2 [ 0001 ]', 0x81],
  ['filter cut', OLD, 'a2 [ 0001 0002 61 ]', 0x81],
  ['filter length cut', OLD, 'a2 [ 0001 "a" 00 ]', 0x81],
  ['flags 0 [MQTT-3.10.1-1]', ALL, 'a0 [ 0001 "a" ]', 0x81, 0],
  ['flags 15 [MQTT-3.10.1-1]', NEW, 'af [ 0001 "a" ]', 0x81],
]

const SUBACK: Row[] = [
  ['nothing', ALL, '90 00', 0x81],
  ['packet identifier 0', OLD, '90 [ 0000 00 ]', 0x82],
  ['no code', OLD, '90 [ 0001 ]', 0x82],
  ['no code', V5, '90 [ 0001 00 ]', 0x82],
  ['code 3', OLD, '90 [ 0001 03 ]', 0x82],
  ['code 0x87 in MQTT 3', OLD, '90 [ 0001 87 ]', 0x82],
  ['code 0x11', V5, '90 [ 0001 00 11 ]', 0x82],
  ['a bad code after good ones', V5, '90 [ 0001 00 00 01 02 03 ]', 0x82, 8],
  ['flags 2', NEW, '92 [ 0001 00 ]', 0x81],
  ['UNSUBACK with nothing', ALL, 'b0 00', 0x81],
  ['UNSUBACK with packet identifier 0', OLD, 'b0 [ 0000 ]', 0x82],
  ['UNSUBACK with a code', OLD, 'b0 [ 0001 00 ]', 0x81],
  ['UNSUBACK without a code', V5, 'b0 [ 0001 00 ]', 0x82],
  ['UNSUBACK with code 1', V5, 'b0 [ 0001 00 01 ]', 0x82],
  ['UNSUBACK with flags 2', NEW, 'b2 [ 0001 00 00 ]', 0x81],
]

const OTHERS: Row[] = [
  ['packet type 0', ALL, '00 00', 0x81, 0],
  ['packet type 0 with flags', ALL, '0f 02 0001', 0x81],
  ['a remaining length of five bytes', ALL, '30 ffffffff01', 0x81],
  ['a remaining length of five bytes that are zero', ALL, '30 8080808000', 0x81],
  ['PINGREQ with flags 1', NEW, 'c1 00', 0x81],
  ['PINGREQ with a body', ALL, 'c0 01 00', 0x81],
  ['PINGREQ with a remaining length not in its shortest form', V5, 'c0 8000', 0x81],
  ['PINGRESP with flags 8', NEW, 'd8 00', 0x81],
  ['PINGRESP with a body', ALL, 'd0 02 0000', 0x81],
  ['DISCONNECT with flags 2 [MQTT-3.14.1-1]', NEW, 'e2 00', 0x81],
  ['DISCONNECT with a body', OLD, 'e0 01 00', 0x81],
  ['DISCONNECT with a reason code it has not', V5, 'e0 01 01', 0x82, 2],
  ['DISCONNECT cut in the properties', V5, 'e0 02 00 01', 0x81],
  ['DISCONNECT with bytes after the end', V5, 'e0 03 00 00 00', 0x81],
  ['AUTH in MQTT 3', OLD, 'f0 00', 0x81],
  ['AUTH with flags 1 [MQTT-3.15.1-1]', V5, 'f1 00', 0x81],
  ['AUTH without a property length', V5, 'f0 01 18', 0x81],
  ['AUTH without a method', V5, 'f0 02 18 00', 0x82],
  ['AUTH with properties and no method', V5, 'f0 [ 18 [ 1f "x" ] ]', 0x82],
  ['AUTH with data and no method', V5, 'f0 [ 18 [ 16 "x" ] ]', 0x82],
  ['AUTH with a reason code it has not', V5, 'f0 [ 01 [ 15 "m" ] ]', 0x82],
  ['AUTH with bytes after the end', V5, 'f0 [ 18 [ 15 "m" ] 00 ]', 0x81],
]

function of(group: string, rows: readonly Row[]): MalformedVector[] {
  return rows.map(([name, versions, wire, reason, offset]) => ({
    name: group === '' ? name : `${group}: ${name}`,
    versions,
    wire,
    reason,
    ...(offset === undefined ? {} : { offset }),
  }))
}

export const MALFORMED_VECTORS: readonly MalformedVector[] = [
  ...of('CONNECT', CONNECT),
  ...of('CONNACK', CONNACK),
  ...of('PUBLISH', PUBLISH),
  ...of('', UTF8),
  ...of('', ACKNOWLEDGEMENTS),
  ...of('', FILTERS),
  ...of('SUBSCRIBE', SUBSCRIBE),
  ...of('UNSUBSCRIBE', UNSUBSCRIBE),
  ...of('SUBACK', SUBACK),
  ...of('', OTHERS),
]
