/** What the bytes of a profile's vector mean, decoded as the gateway would. */
import { GatewayError } from '#base/errors.ts'
import { RegexParser } from '#codecs/framing/index.ts'
import { decodeAscii, decodeRequest, decodeResponse, decodeRtu, type ModbusRequest } from '#codecs/modbus/index.ts'
import { isModbus } from '../config-check.ts'
import type { SpeechConfig } from '../config-keys.ts'
import { FrameReader } from '../frame-reader.ts'
import { type PlannedPoint, plannedPoint } from '../modbus/plan.ts'
import { readBlock } from '../modbus/read.ts'
import { Points, type Reading } from '../points.ts'
import { bytesOfStep } from '../script-runner.ts'
import type { ProfileVector } from './schema.ts'

/** The bytes of a vector's request or response; undefined if it has none. */
export function vectorBytes(
  vector: ProfileVector,
  which: 'request' | 'response',
  encoding: SpeechConfig['encoding'],
): Uint8Array | undefined {
  const digits = vector[which]
  const text = vector[`${which}_text`]
  if (digits !== undefined) return Uint8Array.from(Buffer.from(digits.replace(/\s+/g, ''), 'hex'))
  return text === undefined ? undefined : bytesOfStep({ send: text }, encoding)
}

/**
 * The readings that a vector's bytes give.
 * @throws GatewayError `decode-malformed` and others if the bytes are not what the profile says
 */
export function readVector(speech: SpeechConfig, vector: ProfileVector): Reading[] {
  return isModbus(speech) ? readModbusVector(speech, vector) : readStreamVector(speech, vector)
}

function readStreamVector(speech: SpeechConfig, vector: ProfileVector): Reading[] {
  const readings: Reading[] = []
  const faults: string[] = []
  const reader = new FrameReader(speech, new Points(speech.points), {
    reading: reading => readings.push(reading) > 0,
    malformed: reason => faults.push(reason),
  })
  const request = vectorBytes(vector, 'request', speech.encoding)
  if (request !== undefined) expectAnswer(reader, speech, request)
  const response = vectorBytes(vector, 'response', speech.encoding)
  if (response !== undefined) {
    // A block of VE.Direct after the port was opened, a frame of SLIP or COBS: the delimiter before it has passed.
    if (speech.framing === 'slip') reader.push(Uint8Array.of(0xc0))
    if (speech.framing === 'cobs') reader.push(Uint8Array.of(0))
    reader.push(response)
    reader.idle()
  }
  const { malformed, overlong } = reader.framing
  if (faults.length > 0 || malformed + overlong > 0)
    throw new GatewayError('decode-malformed', faults[0] ?? 'the frame is broken', { offset: 0 })
  return readings
}

/** The request must be one that a script sends; its `expect` then finds the fields. */
function expectAnswer(reader: FrameReader, speech: SpeechConfig, request: Uint8Array): void {
  const steps = Object.values(speech.scripts).flatMap(script => script.steps)
  const step = steps.find(each => Buffer.compare(bytesOfStep(each, speech.encoding), request) === 0)
  if (step === undefined) throw new GatewayError('not-found', 'no step of a script sends this request')
  if (!step.expect) return
  const expect = new RegexParser(step.expect, false)
  reader.waiter = { judge: text => expect.parse(text) ?? false }
}

function readModbusVector(speech: SpeechConfig, vector: ProfileVector): Reading[] {
  const decode = speech.framing === 'modbus-ascii' ? decodeAscii : decodeRtu
  const sent = vectorBytes(vector, 'request', speech.encoding)
  const came = vectorBytes(vector, 'response', speech.encoding)
  if (sent === undefined || came === undefined) throw new GatewayError('not-found', 'a Modbus vector has a request and a response')
  const request = decodeRequest(decode(sent).pdu)
  const bytes = decodeResponse(request, decode(came).pdu)
  if (request.kind !== 'read-bits' && request.kind !== 'read-registers') return []
  const points = pointsWithin(speech, request)
  return readBlock({ ...request, points }, bytes, speech.byte_order, '')
}

type Read = Extract<ModbusRequest, { kind: 'read-bits' | 'read-registers' }>

function pointsWithin(speech: SpeechConfig, { table, address, count }: Read): PlannedPoint[] {
  return Object.entries(speech.points)
    .map(([name, point]) => plannedPoint(name, point))
    .filter(point => point.table === table && point.address >= address && point.address + point.count <= address + count)
}
