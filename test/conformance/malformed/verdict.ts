/** Sends a case to a listener and compares what comes back with what must come. */
import { connect as open } from 'node:net'
import { type Case, CLIENT_ID_NOT_VALID, connect, hex, text, UNSUPPORTED_VERSION, type Version } from './case.ts'

const PINGREQ = hex(0xc0, 0)
const TIMEOUT_MS = 60_000

/** What MQTT 3 says in a CONNACK for a reason code of MQTT 5; for others it has no words. */
const RETURN_CODES: Readonly<Record<number, number>> = { [UNSUPPORTED_VERSION]: 1, [CLIENT_ID_NOT_VALID]: 2 }

let clients = 0

/** Sends the case and a PINGREQ behind it. Resolves to what is wrong with the answer, undefined if nothing is. */
export async function faultOf(one: Case, port: number): Promise<string | undefined> {
  const opening = one.moment === 'connected' ? connect(one.version, 0x02, [text(`case-${clients++}`)]) : hex()
  const { packets, closed } = await converse(port, Buffer.concat([opening, one.bytes, PINGREQ]))
  const said = packets.map(packet => packet.toString('hex'))
  if (one.moment === 'connected') {
    const connack = packets.shift()
    if (connack === undefined || connack[0] !== 0x20 || connack[3] !== 0) return `the CONNECT before it was refused: ${said}`
  }
  const wrong = judge(one, packets, closed)
  return wrong === undefined ? undefined : `${wrong}: ${closed ? 'closed' : 'open'} after ${said.join(' ') || 'nothing'}`
}

function judge(one: Case, packets: readonly Buffer[], closed: boolean): string | undefined {
  const { answer } = one
  const last = packets.at(-1)
  if (answer === 'taken') {
    if (closed || last?.[0] !== 0xd0) return 'it is not taken'
    return one.moment === 'first' && packets[0][3] !== 0 ? 'it is not accepted' : undefined
  }
  if (!closed) return 'the connection stays open'
  const expected = expectedFrame(one.version, one.moment, answer)
  if (expected === undefined) return packets.length === 0 ? undefined : 'something is said'
  if (last === undefined) return 'nothing is said'
  if (last[0] !== expected.header) return 'another packet came'
  const code = last[expected.codeAt]
  if (code !== expected.code) return `the code is 0x${code.toString(16)}, not 0x${expected.code.toString(16)}`
  return one.moment === 'first' && packets.length > 1 ? 'more than a CONNACK came' : undefined
}

function expectedFrame(version: Version, moment: Case['moment'], answer: number | 'silence') {
  if (answer === 'silence') return undefined
  if (version === 5) return moment === 'first' ? { header: 0x20, codeAt: 3, code: answer } : { header: 0xe0, codeAt: 2, code: answer }
  const returnCode = moment === 'first' ? RETURN_CODES[answer] : undefined
  return returnCode === undefined ? undefined : { header: 0x20, codeAt: 3, code: returnCode }
}

/** Ends at the close, or at the PINGRESP to our PINGREQ. */
function converse(port: number, bytes: Buffer): Promise<{ packets: Buffer[]; closed: boolean }> {
  return new Promise((resolve, reject) => {
    const socket = open({ host: '127.0.0.1', port })
    let received = Buffer.alloc(0)
    const finish = (closed: boolean) => {
      socket.destroy()
      resolve({ packets: split(received), closed })
    }
    socket.setTimeout(TIMEOUT_MS, () => reject(new Error(`no answer to ${bytes.toString('hex').slice(0, 200)}`)))
    socket.on('connect', () => socket.write(bytes))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (split(received).at(-1)?.[0] === 0xd0) finish(false)
    })
    socket.on('error', () => {})
    socket.on('close', () => finish(true))
  })
}

/** The whole packets at the front. */
function split(bytes: Buffer): Buffer[] {
  const packets: Buffer[] = []
  let at = 0
  while (at + 1 < bytes.length) {
    let length = 0
    let shift = 0
    let next = at + 1
    for (; next < bytes.length; next++) {
      length += (bytes[next] & 0x7f) << shift
      shift += 7
      if (bytes[next] < 0x80) break
    }
    next++
    if (next + length > bytes.length) break
    packets.push(bytes.subarray(at, next + length))
    at = next + length
  }
  return packets
}
