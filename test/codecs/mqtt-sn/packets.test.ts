import t from 'tap'
import { isGatewayError } from '#base/errors.ts'
import { decodePacket, encodeForwarded, encodePacket, markDup, shortNameId } from '#codecs/mqtt-sn/index.ts'
import { LONG_FORMS, MALFORMED, PACKETS, UNSUPPORTED } from '../../vectors/mqtt-sn/packets.ts'

/** Views become arrays of their own, so that they can be compared. */
function plain(value: object): object {
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each]),
  )
}

function thrown(hex: string): unknown {
  try {
    decodePacket(Buffer.from(hex, 'hex'))
  } catch (error) {
    return error
  }
  return undefined
}

t.test('every packet of the specification is read and written', async t => {
  for (const { name, hex, packet } of PACKETS) {
    t.strictSame(plain(decodePacket(Buffer.from(hex, 'hex'))), plain(packet), `${name} is read`)
    t.equal(Buffer.from(encodePacket(packet)).toString('hex'), hex, `${name} is written`)
  }
})

t.test('there is a vector for every packet type', async t => {
  t.equal(new Set(PACKETS.map(({ packet }) => packet.type)).size, 28)
})

t.test('a length of three octets is read where one would do', async t => {
  for (const [long, short] of LONG_FORMS) {
    t.strictSame(plain(decodePacket(Buffer.from(long, 'hex'))), plain(decodePacket(Buffer.from(short, 'hex'))), long)
  }
})

t.test('what is no packet is refused with the offset of the fault', async t => {
  for (const [name, hex, offset] of MALFORMED) {
    const error = thrown(hex)
    if (isGatewayError(error, 'decode-malformed')) t.equal(error.offset, offset, name)
    else t.fail(`${name}: ${error}`)
  }
})

t.test('a reserved message type is something else than a malformed packet', async t => {
  for (const hex of UNSUPPORTED) t.match(thrown(hex), { code: 'decode-unsupported', offset: 1 }, hex)
})

t.test('the length of one octet ends at 255', async t => {
  const publish = (bytes: number) => encodePacket({ type: 'willmsg', payload: new Uint8Array(bytes) })
  t.equal(publish(253)[0], 255)
  t.strictSame([...publish(254).subarray(0, 4)], [1, 1, 2, 0x09])
  t.equal(publish(65_531).length, 65_535)
  t.throws(() => publish(65_532), { code: 'encode-range' })
})

t.test('a short name has two octets', async t => {
  t.equal(shortNameId('ab'), 0x6162)
  t.equal(shortNameId('é'), 0xc3a9)
  for (const name of ['', 'a', 'abc', 'éa']) t.throws(() => shortNameId(name), { code: 'encode-range' })
})

t.test('DUP is set in place, in both forms', async t => {
  for (const bytes of [2, 300]) {
    const packet = {
      type: 'publish',
      dup: false,
      qos: 1,
      retain: false,
      topic: { kind: 'normal', id: 5 },
      msgId: 6,
      payload: new Uint8Array(bytes),
    } as const
    const encoded = encodePacket(packet)
    markDup(encoded)
    t.strictSame(plain(decodePacket(encoded)), plain({ ...packet, dup: true }))
  }
})

t.test('a wireless node id has at most 252 octets, and may have none', async t => {
  t.throws(() => encodeForwarded(0, new Uint8Array(253), new Uint8Array(2)), { code: 'encode-range' })
  t.equal(encodeForwarded(0, new Uint8Array(252), new Uint8Array(2))[0], 255)
  t.match(decodePacket(Buffer.from('03fe000216', 'hex')), { type: 'forwarded', radius: 0 })
})
