import t from 'tap'
import {
  type Block,
  blockOption,
  blockSize,
  CODE,
  type CoapMessage,
  decodeBlock,
  findOption,
  findUint,
  METHOD,
  OPTION,
  uintOption,
} from '#codecs/coap/index.ts'
import { endpointBench, type RawPeer, show } from './support/bench.ts'

const BODY = Buffer.from(Array.from({ length: 300 }, (_, at) => `${at};`).join(''))

function bench(limits = {}) {
  const made = endpointBench(limits)
  const bodies: string[] = []
  let reads = 0
  const put = {
    [METHOD.PUT]: (exchange: { request: { payload: Uint8Array }; respond(response: { code: number }): void }) => {
      bodies.push(Buffer.from(exchange.request.payload).toString())
      exchange.respond({ code: CODE.Changed })
    },
  }
  made.endpoint.add({
    path: ['big'],
    handlers: {
      ...put,
      [METHOD.GET]: exchange => {
        reads++
        exchange.respond({ code: CODE.Content, payload: BODY, contentFormat: 0 })
      },
    },
  })
  return { ...made, bodies, reads: () => reads }
}

const block1 = (num: number, more: boolean, szx: number) => blockOption(OPTION.Block1, { num, more, szx })
const block2 = (num: number, szx: number) => blockOption(OPTION.Block2, { num, more: false, szx })
const blockOf = (message: CoapMessage, number: number): Block | undefined => {
  const value = findOption(message.options, number)
  return value === undefined ? undefined : decodeBlock(value)
}

function put(device: RawPeer, num: number, szx: number, body: Buffer, more: { query?: string[]; tag?: number; path?: string[] } = {}) {
  const size = blockSize(szx)
  const last = (num + 1) * size >= body.length
  const options = [block1(num, !last, szx)]
  if (more.tag !== undefined) options.push({ number: OPTION.RequestTag, value: Buffer.of(more.tag) })
  const { path = ['big'], query = [] } = more
  return device.one({ code: METHOD.PUT, path, query, options, payload: body.subarray(num * size, (num + 1) * size) })
}

function upload(device: RawPeer, szx: number, body: Buffer) {
  const codes: number[] = []
  for (let num = 0; num * blockSize(szx) < body.length; num++) codes.push(put(device, num, szx, body).code)
  return codes
}

t.test('a body comes in block by block at every size, 2.31 for each but the last (TD_COAP_BLOCK_03)', async t => {
  const { peer, bodies } = bench()
  const device = peer()
  for (let szx = 0; szx <= 6; szx++) {
    const codes = upload(device, szx, BODY)
    t.equal(codes.pop(), CODE.Changed)
    t.ok(codes.every(code => code === CODE.Continue))
    t.equal(bodies.pop(), BODY.toString())
  }
  const answer = put(device, 0, 2, BODY)
  t.same(blockOf(answer, OPTION.Block1), { num: 0, more: true, szx: 2 })
})

t.test('a body that ends exactly with a block, and one of a single block', async t => {
  const { peer, bodies } = bench()
  upload(peer(), 0, Buffer.alloc(48, 'x'))
  upload(peer(), 2, Buffer.alloc(5, 'y'))
  t.same(bodies, ['x'.repeat(48), 'yyyyy'])
})

t.test('a block that is missing or comes too early gets 4.08, and a new block 0 starts over', async t => {
  const { peer, bodies } = bench()
  const device = peer()
  put(device, 0, 2, BODY)
  t.equal(put(device, 2, 2, BODY).code, CODE.RequestEntityIncomplete)
  t.equal(put(device, 1, 2, BODY).code, CODE.RequestEntityIncomplete, 'what there was is forgotten')
  t.equal(upload(device, 2, BODY).pop(), CODE.Changed)
  t.same(bodies, [BODY.toString()])
})

t.test('a block that comes again in a new message is acknowledged again and counted once', async t => {
  const { peer, bodies } = bench()
  const device = peer()
  put(device, 0, 4, BODY)
  put(device, 1, 4, BODY)
  t.equal(put(device, 1, 4, BODY).code, CODE.Continue)
  for (let num = 2; num * 256 < BODY.length; num++) put(device, num, 4, BODY)
  t.same(bodies, [BODY.toString()])
})

t.test('a block of the wrong length gets 4.00', async t => {
  const device = bench().peer()
  const short = device.one({ code: METHOD.PUT, path: ['big'], options: [block1(0, true, 2)], payload: 'short' })
  t.equal(short.code, CODE.BadRequest)
  const long = device.one({ code: METHOD.PUT, path: ['big'], options: [block1(0, false, 0)], payload: 'x'.repeat(17) })
  t.equal(long.code, CODE.BadRequest)
})

t.test('transfers are apart by peer, path, query and Request-Tag', async t => {
  const { peer, bodies } = bench()
  const one = peer(1)
  const two = peer(2)
  const a = Buffer.alloc(40, 'a')
  const b = Buffer.alloc(40, 'b')
  const c = Buffer.alloc(40, 'c')
  const d = Buffer.alloc(40, 'd')
  for (const num of [0, 1, 2]) {
    put(one, num, 0, a)
    put(two, num, 0, b)
    put(one, num, 0, c, { query: ['x=1'] })
    put(one, num, 0, d, { tag: 7 })
  }
  t.same(bodies.map(body => body[0]).sort(), ['a', 'b', 'c', 'd'])
  t.ok(bodies.every(body => new Set(body).size === 1 && body.length === 40))
})

t.test('a body above the limit gets 4.13 with the limit, as soon as that is known', async t => {
  const { peer } = bench({ bodyBytesMax: 100 })
  const device = peer()
  const announced = device.one({
    code: METHOD.PUT,
    path: ['big'],
    options: [block1(0, true, 0), uintOption(OPTION.Size1, 5000)],
    payload: 'x'.repeat(16),
  })
  t.equal(announced.code, CODE.RequestEntityTooLarge)
  t.equal(findUint(announced.options, OPTION.Size1), 100)
  const codes = upload(device, 0, BODY)
  t.equal(codes.indexOf(CODE.RequestEntityTooLarge), 6)
  t.equal(device.one({ code: METHOD.PUT, path: ['big'], payload: 'x'.repeat(101) }).code, CODE.RequestEntityTooLarge)
})

t.test('unfinished bodies together are bounded: newcomers get 5.03; idle ones are forgotten', async t => {
  const { peer, clock } = bench({ transferBytesMax: 40 })
  put(peer(1), 0, 0, BODY)
  put(peer(2), 0, 0, BODY)
  t.equal(put(peer(3), 0, 0, BODY).code, CODE.ServiceUnavailable)
  clock.advance(120_000)
  t.equal(put(peer(3), 0, 0, BODY).code, CODE.Continue)
  t.equal(put(peer(1), 1, 0, BODY).code, CODE.RequestEntityIncomplete)
})

t.test('blocks larger than we want are answered with the size to use (TD_COAP_BLOCK_04)', async t => {
  const { peer } = bench({ szxMax: 2 })
  const answer = put(peer(), 0, 6, BODY)
  t.equal(answer.code, CODE.RequestEntityTooLarge)
  t.same(blockOf(answer, OPTION.Block1), { num: 0, more: false, szx: 2 })
})

t.test('a long answer goes out block by block at every size, read once (TD_COAP_BLOCK_01, 02)', async t => {
  const { peer, reads, endpoint } = bench()
  const device = peer()
  for (let szx = 0; szx <= 6; szx++) {
    const chunks: Uint8Array[] = []
    for (let num = 0; ; num++) {
      const answer = device.one({ path: ['big'], options: [block2(num, szx)] })
      t.equal(answer.code, CODE.Content)
      chunks.push(answer.payload)
      if (num === 0) t.equal(findUint(answer.options, OPTION.Size2), BODY.length)
      const block = blockOf(answer, OPTION.Block2)!
      t.match(block, { num, szx })
      if (!block.more) break
    }
    t.equal(Buffer.concat(chunks).toString(), BODY.toString())
  }
  t.equal(reads(), 7)
  t.equal(endpoint.counters.transfersDropped, 0)
})

t.test('without a wish the blocks are the largest; all parts carry the same ETag', async t => {
  const { peer } = bench()
  const device = peer()
  const first = device.one({ path: ['big'] })
  t.same(blockOf(first, OPTION.Block2), { num: 0, more: true, szx: 6 })
  t.equal(first.payload.length, 1024)
  const second = device.one({ path: ['big'], options: [block2(1, 6)] })
  t.same(findOption(first.options, OPTION.ETag), findOption(second.options, OPTION.ETag))
})

t.test('a client may change to smaller blocks on the way', async t => {
  const { peer } = bench()
  const device = peer()
  const first = device.one({ path: ['big'] })
  const next = device.one({ path: ['big'], options: [block2(64, 0)] })
  t.equal(first.payload.length, 1024)
  t.equal(Buffer.from(next.payload).toString(), BODY.subarray(1024, 1040).toString())
})

t.test('a later block is served even when nothing is kept, and one beyond the end gets 4.00', async t => {
  const { peer } = bench()
  t.equal(Buffer.from(peer(1).one({ path: ['big'], options: [block2(2, 4)] }).payload).toString(), BODY.subarray(512, 768).toString())
  t.equal(show(peer(2).one({ path: ['big'], options: [block2(500, 4)] })), 'ACK 4.00')
})

t.test('bodies being fetched are bounded together: the oldest goes', async t => {
  const { peer, endpoint, reads } = bench({ transferBytesMax: BODY.length * 2 })
  for (const port of [1, 2, 3]) peer(port).one({ path: ['big'] })
  t.equal(endpoint.counters.transfersDropped, 1)
  peer(1).one({ path: ['big'], options: [block2(1, 6)] })
  t.equal(reads(), 4, 'it is read again')
})
