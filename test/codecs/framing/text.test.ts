import t from 'tap'
import { decodeText, encodeText } from '#codecs/framing/index.ts'

t.test('each encoding takes its own bytes and names the first other one', async t => {
  t.equal(decodeText(Buffer.from('21,5 °C'), 'utf8'), '21,5 °C')
  t.equal(decodeText(Buffer.from('21 \xb0C', 'latin1'), 'latin1'), '21 °C')
  t.equal(decodeText(Buffer.from('plain'), 'ascii'), 'plain')
  t.throws(() => decodeText(Buffer.from('21 \xb0C', 'latin1'), 'ascii'), { code: 'decode-malformed', offset: 3 })
  t.throws(() => decodeText(Buffer.from('21 \xb0C', 'latin1'), 'utf8'), { code: 'decode-malformed', offset: 3 })
  t.throws(() => decodeText(Buffer.from([0xc3, 0xa9, 0xe2, 0x82]), 'utf8'), { code: 'decode-malformed', offset: 2 })
  t.throws(
    () => decodeText(Buffer.from([0xef, 0xbf, 0xbd, 0x41, 0xff]), 'utf8'),
    { code: 'decode-malformed', offset: 4 },
    'a replacement character that was sent is none',
  )
})

t.test('a text is encoded, or the character that has no place is named', async t => {
  t.same(encodeText('°', 'utf8'), Buffer.from([0xc2, 0xb0]))
  t.same(encodeText('°', 'latin1'), Buffer.from([0xb0]))
  t.throws(() => encodeText('a°', 'ascii'), { code: 'encode-range' })
  t.throws(() => encodeText('€', 'latin1'), { code: 'encode-range' })
})
