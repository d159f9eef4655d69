import t from 'tap'
import {
  blockOption,
  blockSize,
  contentFormatOf,
  decodeBlock,
  decodeString,
  decodeUint,
  encodeLinks,
  encodeUint,
  filterLinks,
  findOption,
  findOptions,
  findUint,
  isCritical,
  isNoCacheKey,
  isUnsafe,
  mediaType,
  OPTION,
  OPTION_DEFINITIONS,
  optionDefinition,
  optionName,
  pathOptions,
  percentDecode,
  queryOptions,
  splitQuery,
  stringOption,
  szxFor,
  uintOption,
} from '#codecs/coap/index.ts'

const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')

t.test('option numbers say whether they are critical, unsafe, or no part of the cache key (RFC 7252 table 4)', async t => {
  const critical = [OPTION.IfMatch, OPTION.UriHost, OPTION.IfNoneMatch, OPTION.UriPort, OPTION.UriPath, OPTION.UriQuery, OPTION.Accept]
  const elective = [
    OPTION.ETag,
    OPTION.Observe,
    OPTION.ContentFormat,
    OPTION.MaxAge,
    OPTION.Size1,
    OPTION.Echo,
    OPTION.NoResponse,
    OPTION.RequestTag,
  ]
  t.ok([...critical, OPTION.Block1, OPTION.Block2, OPTION.ProxyUri, OPTION.ProxyScheme].every(isCritical))
  t.notOk(elective.some(isCritical))
  t.ok([OPTION.UriHost, OPTION.Observe, OPTION.MaxAge, OPTION.Block1, OPTION.Block2, OPTION.NoResponse].every(isUnsafe))
  t.notOk([OPTION.IfMatch, OPTION.ETag, OPTION.Accept, OPTION.Size1, OPTION.RequestTag].some(isUnsafe))
  t.ok([OPTION.Size1, OPTION.Size2].every(isNoCacheKey))
  t.notOk([OPTION.RequestTag, OPTION.UriPath].some(isNoCacheKey))
})

t.test('every defined option has a name and can be found by its number', async t => {
  for (const [number, definition] of OPTION_DEFINITIONS) {
    t.equal(optionDefinition(number), definition)
    t.equal(definition.number, number)
    t.ok(definition.lengthMin <= definition.lengthMax)
  }
  t.equal(OPTION_DEFINITIONS.size, Object.keys(OPTION).length)
  t.equal(optionName(OPTION.UriPath), 'Uri-Path')
  t.equal(optionName(9), '9')
  t.equal(optionDefinition(9), undefined)
  t.equal(optionDefinition(60_000), undefined)
})

t.test('numbers in options have no leading zeros, and 0 is empty', async t => {
  const table: [number, string][] = [
    [0, ''],
    [1, '01'],
    [255, 'ff'],
    [256, '0100'],
    [65_535, 'ffff'],
    [65_536, '010000'],
    [16_777_215, 'ffffff'],
    [16_777_216, '01000000'],
    [4_294_967_295, 'ffffffff'],
  ]
  for (const [value, bytes] of table) {
    t.equal(hex(encodeUint(value)), bytes)
    t.equal(decodeUint(Buffer.from(bytes, 'hex')), value)
  }
  t.equal(decodeUint(Buffer.from('0000002a', 'hex')), 42, 'leading zeros are accepted')
})

t.test('options are found by number', async t => {
  const options = [stringOption(11, 'a'), stringOption(11, 'b'), uintOption(12, 50)]
  t.equal(decodeString(findOption(options, 11)!), 'a')
  t.same(findOptions(options, 11).map(decodeString), ['a', 'b'])
  t.equal(findUint(options, 12), 50)
  t.equal(findUint(options, 14), undefined)
})

t.test('text in options is UTF-8 or nothing', async t => {
  t.equal(decodeString(Buffer.from('température')), 'température')
  t.equal(decodeString(Buffer.from('x'.repeat(200))), 'x'.repeat(200))
  t.equal(decodeString(Uint8Array.of(0x61, 0xff)), undefined)
  t.equal(decodeString(Uint8Array.of(0xc0, 0x80)), undefined)
})

t.test('block options (RFC 7959 §2.2)', async t => {
  for (const [block, bytes] of [
    [{ num: 0, more: false, szx: 0 }, ''],
    [{ num: 0, more: true, szx: 6 }, '0e'],
    [{ num: 1, more: false, szx: 2 }, '12'],
    [{ num: 15, more: true, szx: 0 }, 'f8'],
    [{ num: 16, more: false, szx: 5 }, '0105'],
    [{ num: 0xfffff, more: true, szx: 6 }, 'fffffe'],
  ] as const) {
    t.equal(hex(blockOption(OPTION.Block1, block).value), bytes)
    t.same(decodeBlock(Buffer.from(bytes, 'hex')), block)
  }
  t.equal(decodeBlock(Uint8Array.of(7)), undefined, 'exponent 7 is reserved')
  t.equal(decodeBlock(Uint8Array.of(1, 2, 3, 4)), undefined)
  t.equal(blockSize(6), 1024)
  t.same([5, 16, 31, 32, 1023, 1024, 9999].map(szxFor), [0, 0, 0, 1, 5, 6, 6])
})

t.test('paths, queries and percent-escapes', async t => {
  t.same(
    pathOptions(['ps', 'ä']).map(option => hex(option.value)),
    ['7073', 'c3a4'],
  )
  t.equal(queryOptions(['a=1'])[0].number, OPTION.UriQuery)
  t.same(splitQuery('qos=1'), ['qos', '1'])
  t.same(splitQuery('password=a=b'), ['password', 'a=b'])
  t.same(splitQuery('retain'), ['retain', undefined])
  t.equal(percentDecode('a%2Fb%20c'), 'a/b c')
  t.equal(percentDecode('%C3%A4'), 'ä')
  t.equal(percentDecode('100%'), '100%')
  t.equal(percentDecode('50%zz'), '50%zz')
  t.equal(percentDecode('%ff'), undefined)
})

t.test('Content-Formats and media types', async t => {
  t.equal(mediaType(50), 'application/json')
  t.equal(mediaType(60_001), undefined)
  t.equal(contentFormatOf('application/json'), 50)
  t.equal(contentFormatOf('Text/Plain; charset=UTF-8'), 0)
  t.equal(contentFormatOf('text/plain'), 0)
  t.equal(contentFormatOf('video/mp4'), undefined)
})

t.test('links in CoRE Link Format, and their filters (RFC 6690)', async t => {
  const links = [
    { href: '/ps', attributes: { rt: 'core.ps core.x', obs: true, ct: 40 } },
    { href: '/a b', attributes: { title: 'say "hi"' } },
  ] as const
  t.equal(encodeLinks(links), '</ps>;rt="core.ps core.x";obs;ct=40,</a%20b>;title="say \\"hi\\""')
  const found = (...query: string[]) => filterLinks(links, query).map(link => link.href)
  t.same(found(), ['/ps', '/a b'])
  t.same(found('rt=core.x'), ['/ps'])
  t.same(found('rt=core.*'), ['/ps'])
  t.same(found('rt="core.ps"'), ['/ps'])
  t.same(found('rt=core'), [])
  t.same(found('ct=40'), ['/ps'])
  t.same(found('href=/a*'), ['/a b'])
  t.same(found('obs'), ['/ps'])
  t.same(found('obs=1'), [])
  t.same(found('title=say*', 'rt=core.ps'), [])
  t.same(found('constructor=x'), [])
})
