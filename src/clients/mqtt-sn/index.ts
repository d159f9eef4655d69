/** The client side of MQTT-SN 1.2. */
export { SnClient, type SnClientOptions, type SnMessage, type SnWill } from './engine.ts'
export { openSnSocket, type SnSocket } from './transport.ts'
