/** Modbus: requests and responses, their frames on a serial line, and a device in memory. Pure. */
export { type Adu, BROADCAST, decodeAscii, decodeRtu, encodeAscii, encodeRtu, RTU_BYTES_MAX } from './adu.ts'
export { type RtuScan, scanRtu } from './answer-scan.ts'
export {
  bitAt,
  functionOf,
  type ModbusRequest,
  type ModbusTable,
  READ_BITS_MAX,
} from './pdu.ts'
export { decodeRequest, encodeRequest } from './request.ts'
export { decodeResponse, encodeException, encodeResponse, responseLength } from './response.ts'
export { answerRequest, type ModbusMemory } from './server.ts'
