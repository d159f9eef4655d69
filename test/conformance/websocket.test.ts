import { connect as dial } from 'node:net'
import t from 'tap'
import { encodeFrame, headLength, OPCODES, upgradeRequest, WebSocketReader } from '#codecs/websocket/index.ts'
import { eventually } from '../support/eventually.ts'
import { connect, hex, PACKETS, packet, text, uint16 } from './malformed/case.ts'
import { realListener } from './real-listener.ts'

const MASK = 0x0a0b0c0d

/** The client's end, after the upgrade. */
async function upgraded(port: number) {
  const socket = dial({ host: '127.0.0.1', port, noDelay: true })
  const reader = new WebSocketReader(false, 1 << 20)
  let head = ''
  let waiting = Buffer.alloc(0)
  const state = { head, received: '', closeCode: undefined as number | undefined, closed: false }
  socket.on('error', () => {})
  socket.on('close', () => (state.closed = true))
  socket.on('data', (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk])
    if (head === '') {
      const length = headLength(waiting)
      if (length === undefined) return
      head = state.head = waiting.toString('latin1', 0, length)
      waiting = waiting.subarray(length)
    }
    const bytes = waiting
    waiting = Buffer.alloc(0)
    reader.read(bytes, {
      data: part => (state.received += Buffer.from(part).toString('hex')),
      ping: () => {},
      close: code => (state.closeCode = code),
    })
  })
  socket.write(upgradeRequest({ host: 'localhost', path: '/mqtt', nonce: Buffer.alloc(16, 1) }))
  await eventually('the upgrade', () => head !== '', 5000)
  const send = (bytes: Uint8Array, opcode: number = OPCODES.binary) => socket.write(encodeFrame(opcode, Buffer.from(bytes), MASK))
  return { socket, state, send }
}

t.test('the subprotocol mqtt is offered, chosen and served [MQTT-6.0.0-4] [MQTT311-6.0.0-4]', async t => {
  const { port } = await realListener(t, {}, 'ws')
  for (const version of [3, 4, 5] as const) {
    const { socket, state, send } = await upgraded(port)
    t.match(state.head, /^HTTP\/1\.1 101 /)
    t.match(state.head, /\r\nSec-WebSocket-Protocol: mqtt\r\n/i)
    send(connect(version, 0x02, [text(`c${version}`)]))
    await eventually('the CONNACK', () => state.received.startsWith('20'), 5000)
    socket.destroy()
  }
})

t.test('packets and frames need not be aligned [MQTT-6.0.0-2] [MQTT311-6.0.0-2]', async t => {
  const { port } = await realListener(t, {}, 'ws')
  const publishes = Array.from({ length: 10 }, (_, i) => packet(0x32, text('a/b'), uint16(i + 1), Buffer.from('x')))
  const bytes = Buffer.concat([
    connect(4, 0x02, [text('c')]),
    packet(PACKETS.SUBSCRIBE, uint16(1), text('a/#'), hex(0)),
    ...publishes,
    hex(0xc0, 0),
  ])
  for (const size of [1, 5, 1000]) {
    const { socket, state, send } = await upgraded(port)
    for (let at = 0; at < bytes.length; at += size) send(bytes.subarray(at, at + size))
    await eventually(
      'the PINGRESP',
      () => state.received.endsWith('d000'),
      10_000,
      () => state.received,
    )
    t.match(state.received, /^200200009003000100/)
    t.equal(state.received.split('3006000361').length - 1, 10, `frames of ${size} bytes`)
    socket.destroy()
  }
})

t.test('a text frame closes the connection [MQTT-6.0.0-1] [MQTT311-6.0.0-1]', async t => {
  const { port, broker } = await realListener(t, {}, 'ws')
  const { state, send } = await upgraded(port)
  send(connect(5, 0x02, [text('c')]))
  await eventually('the CONNACK', () => state.received.startsWith('20'), 5000)
  send(hex(0xc0, 0), OPCODES.text)
  await eventually('the close', () => state.closed, 10_000)
  t.equal(state.closeCode, 1003)
  await eventually('the session is gone', () => broker.clients().length === 0, 5000)
})
