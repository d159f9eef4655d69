import t from 'tap'
import { isGatewayError } from '#base/errors.ts'
import { decodeProxyHeader } from '#codecs/proxy-protocol/index.ts'
import { binaryHeader, sslTlv, tlv } from '../../support/proxy-header.ts'

const rest = Buffer.from([0x10, 0x0c])
const v4 = { family: 0x11, addresses: [192, 0, 2, 7, 10, 0, 0, 1, 0xc3, 0x50, 0x07, 0x5b] }
const v6 = { family: 0x21, addresses: [...Buffer.from('20010db8000000000000000000000007', 'hex'), ...Buffer.alloc(16), 1, 0, 2, 0] }

const GOOD: [name: string, header: Buffer, decoded: object][] = [
  ['TCP4', Buffer.from('PROXY TCP4 192.0.2.7 10.0.0.1 50000 1883\r\n'), { source: { address: '192.0.2.7', port: 50_000 } }],
  ['TCP6', Buffer.from('PROXY TCP6 2001:DB8::7 ::1 50000 1883\r\n'), { source: { address: '2001:db8::7', port: 50_000 } }],
  ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), { source: undefined }],
  ['UNKNOWN with more', Buffer.from('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), { source: undefined }],
  ['version 2, IPv4', binaryHeader(v4), { source: { address: '192.0.2.7', port: 50_000 }, tls: undefined }],
  ['version 2, IPv6', binaryHeader(v6), { source: { address: '2001:db8::7', port: 256 } }],
  ['version 2, LOCAL', binaryHeader({ command: 0x20, family: 0 }), { source: undefined }],
  ['version 2, LOCAL with addresses', binaryHeader({ ...v4, command: 0x20 }), { source: undefined, tls: undefined }],
  ['version 2, unspecified family', binaryHeader({ family: 0 }), { source: undefined }],
  ['version 2, Unix sockets', binaryHeader({ family: 0x31, addresses: [...Buffer.alloc(216)] }), { source: undefined }],
  ['version 2, other TLVs', binaryHeader({ ...v4, tlvs: [tlv(0x04, ''), tlv(0x02, 'gw.example')] }), { tls: undefined }],
  [
    'version 2, a verified certificate',
    binaryHeader({ ...v4, tlvs: [sslTlv(0x07, 0, 'meter-7')] }),
    { tls: { verified: true, commonName: 'meter-7' } },
  ],
  ['version 2, one of the session', binaryHeader({ ...v4, tlvs: [sslTlv(0x05, 0, 'meter-7')] }), { tls: { verified: true } }],
  ['version 2, one that was not verified', binaryHeader({ ...v4, tlvs: [sslTlv(0x07, 1, 'meter-7')] }), { tls: { verified: false } }],
  ['version 2, a name without a certificate', binaryHeader({ ...v4, tlvs: [sslTlv(0x01, 0, 'meter-7')] }), { tls: { verified: false } }],
  ['version 2, TLS without a name', binaryHeader({ ...v4, tlvs: [sslTlv(0x01, 0)] }), { tls: { verified: false, commonName: undefined } }],
]
for (const [name, header, decoded] of GOOD) {
  t.test(`header: ${name}`, async t => {
    t.match(decodeProxyHeader(Buffer.concat([header, rest])), { length: header.length, ...decoded })
    for (let length = 0; length < header.length; length++) {
      t.equal(decodeProxyHeader(header.subarray(0, length)), undefined, `${length} bytes are not whole`)
    }
  })
}

const BAD: [name: string, header: Buffer][] = [
  ['MQTT', Buffer.from([0x10, 0x0c, 0, 4])],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
  ['a word that only begins so', Buffer.from('PROXYS TCP4')],
  ['no end', Buffer.from(`PROXY TCP4 ${'1'.repeat(120)}`)],
  ['no address', Buffer.from('PROXY TCP4 gw.example 10.0.0.1 1 2\r\n')],
  ['a port too high', Buffer.from('PROXY TCP4 192.0.2.7 10.0.0.1 70000 2\r\n')],
  ['no ports', Buffer.from('PROXY TCP4 192.0.2.7 10.0.0.1\r\n')],
  ['version 3', binaryHeader({ ...v4, command: 0x31 })],
  ['an unknown command', binaryHeader({ ...v4, command: 0x22 })],
  ['too short for its addresses', binaryHeader({ family: 0x21, addresses: v4.addresses })],
  ['a TLV that is cut', binaryHeader({ ...v4, tlvs: [Buffer.from([0x20, 0])] })],
  ['a TLV that is too long', binaryHeader({ ...v4, tlvs: [Buffer.from([0x20, 0, 9, 1])] })],
  ['TLS that is too short', binaryHeader({ ...v4, tlvs: [tlv(0x20, 'abc')] })],
  ['64 KiB', binaryHeader({ ...v4, tlvs: [Buffer.alloc(60_000)] })],
]
for (const [name, header] of BAD) {
  t.test(`no header: ${name}`, async t => {
    t.throws(() => decodeProxyHeader(header), { code: 'decode-malformed' })
  })
}

t.test('any bytes are a header, the begin of one, or a decode error', async t => {
  const header = binaryHeader({ ...v4, tlvs: [sslTlv(0x07, 0, 'meter-7')] })
  for (let at = 0; at < header.length; at++) {
    for (const byte of [0, 1, 0x7f, 0x80, 0xff]) {
      const changed = Buffer.from(header)
      changed[at] = byte
      try {
        decodeProxyHeader(changed)
      } catch (error) {
        if (!isGatewayError(error, 'decode-malformed')) t.fail(`${at} ${byte}: ${error}`)
      }
    }
  }
  t.pass('each byte changed')
})
