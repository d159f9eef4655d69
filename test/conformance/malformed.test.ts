import t from 'tap'
import type { Case } from './malformed/case.ts'
import { connectCases } from './malformed/connects.ts'
import { fieldCases } from './malformed/fields.ts'
import { headerCases, PACKET_BYTES_MAX } from './malformed/headers.ts'
import { propertyCases } from './malformed/properties.ts'
import { stringCases } from './malformed/strings.ts'
import { faultOf } from './malformed/verdict.ts'
import { realListener } from './real-listener.ts'

const AT_ONCE = 20

/** [name, cases, the least there must be: a table that has lost its rows proves nothing] */
const TABLES: readonly [string, Case[], number][] = [
  [
    'fixed headers, lengths, truncated and overlong packets [MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1] [MQTT-4.13.1-1] [MQTT311-2.2.2-1] [MQTT311-2.2.2-2] [MQTT311-3.6.1-1] [MQTT311-3.8.1-1] [MQTT311-3.10.1-1] [MQTT311-3.14.1-1] [MQTT311-4.8.0-1]',
    headerCases(),
    800,
  ],
  [
    'strings [MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.7-1] [MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.1.3-12] [MQTT-3.3.2-1] [MQTT-3.3.2-13] [MQTT-3.3.2-19] [MQTT-3.8.3-1] [MQTT-3.10.3-1] [MQTT-4.7.3-2] [MQTT311-1.5.3-1] [MQTT311-1.5.3-2] [MQTT311-3.1.3-4] [MQTT311-3.1.3-10] [MQTT311-3.1.3-11] [MQTT311-3.3.2-1] [MQTT311-3.8.3-1] [MQTT311-3.10.3-1] [MQTT311-4.7.3-2]',
    stringCases(),
    1000,
  ],
  ['properties [MQTT-1.5.5-1] [MQTT-2.2.2-1] [MQTT-3.3.2-8] [MQTT-3.3.2-14] [MQTT-3.3.4-6]', propertyCases(), 600],
  [
    'packet identifiers, reason codes, topics, filters and options [MQTT-2.2.1-3] [MQTT-3.3.1-2] [MQTT-3.3.1-4] [MQTT-3.3.2-2] [MQTT-3.3.2-9] [MQTT-3.3.2-12] [MQTT-3.2.2-17] [MQTT-3.8.3-2] [MQTT-3.8.3-4] [MQTT-3.8.3-5] [MQTT-3.10.3-2] [MQTT-3.14.2-1] [MQTT-3.15.2-1] [MQTT-4.7.0-1] [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] [MQTT-4.8.2-1] [MQTT-4.8.2-2] [MQTT-4.12.0-7] [MQTT311-2.3.1-1] [MQTT311-3.3.1-2] [MQTT311-3.3.1-4] [MQTT311-3.3.2-2] [MQTT311-3.8.3-3] [MQTT311-3.8.3-4] [MQTT311-3.10.3-2] [MQTT311-4.7.1-1] [MQTT311-4.7.1-2] [MQTT311-4.7.1-3] [MQTT311-4.7.3-1]',
    fieldCases(),
    2000,
  ],
  [
    'CONNECT and packets at the wrong moment [MQTT-3.1.0-1] [MQTT-3.1.0-2] [MQTT-3.1.2-1] [MQTT-3.1.2-2] [MQTT-3.1.2-3] [MQTT-3.1.2-9] [MQTT-3.1.2-11] [MQTT-3.1.2-12] [MQTT-3.1.2-13] [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] [MQTT-3.1.3-1] [MQTT-3.1.3-3] [MQTT-3.1.3-5] [MQTT-3.1.3-8] [MQTT-3.1.4-1] [MQTT-3.2.2-7] [MQTT-4.13.2-1] [MQTT311-3.1.0-1] [MQTT311-3.1.0-2] [MQTT311-3.1.2-1] [MQTT311-3.1.2-2] [MQTT311-3.1.2-3] [MQTT311-3.1.2-9] [MQTT311-3.1.2-11] [MQTT311-3.1.2-13] [MQTT311-3.1.2-14] [MQTT311-3.1.2-15] [MQTT311-3.1.2-18] [MQTT311-3.1.2-19] [MQTT311-3.1.2-20] [MQTT311-3.1.2-21] [MQTT311-3.1.2-22] [MQTT311-3.1.3-1] [MQTT311-3.1.3-3] [MQTT311-3.1.3-5] [MQTT311-3.1.3-8] [MQTT311-3.1.3-9] [MQTT311-3.1.4-1] [MQTT311-3.2.2-5]',
    connectCases(),
    1000,
  ],
]

for (const [name, cases, least] of TABLES) {
  t.test(name, async t => {
    t.ok(cases.length >= least, `${cases.length} cases`)
    const { port } = await realListener(t, { packetBytesMax: PACKET_BYTES_MAX })
    const waiting = [...cases]
    const faults: string[] = []
    const work = async () => {
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
        const fault = await faultOf(one, port)
        if (fault !== undefined) faults.push(`MQTT level ${one.version}, ${one.name}: ${fault}`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    t.same(faults, [])
  })
}
