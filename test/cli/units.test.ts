import t from 'tap'
import { pairLines, printable, tableLines } from '#cli/table.ts'
import { showAge, showBytes, showCount, showSeconds } from '#cli/units.ts'

t.test('bytes, counts and times are written for people', async t => {
  t.same([0, 1023, 1024, 1536, 64 * 2 ** 20, 150.5 * 2 ** 20, 3 * 2 ** 40, 5000 * 2 ** 40].map(showBytes), [
    '0 B',
    '1023 B',
    '1 KiB',
    '1.5 KiB',
    '64 MiB',
    '151 MiB',
    '3 TiB',
    '5000 TiB',
  ])
  t.same([0, 999, 1000, 1234567, 100000].map(showCount), ['0', '999', '1,000', '1,234,567', '100,000'])
  t.same([0, 59, 60, 200, 3600, 7500, 86400, 1_047_600].map(showSeconds), [
    '0 s',
    '59 s',
    '1 min',
    '3 min 20 s',
    '1 h',
    '2 h 5 min',
    '1 d',
    '12 d 3 h',
  ])
})

t.test('an age is counted from now, and a time in the future is shown as it is', async t => {
  const nowMs = Date.parse('2026-01-01T00:01:00Z')
  t.equal(showAge('2026-01-01T00:00:15Z', nowMs), '45 s')
  t.equal(showAge('2026-01-01T00:01:00.500Z', nowMs), '0 s')
  t.equal(showAge('2027-01-01T00:00:00Z', nowMs), '2027-01-01T00:00:00Z')
  t.equal(showAge(undefined, nowMs), '')
})

t.test('tables are aligned, numbers at the right, without spaces at the end of a line', async t => {
  const lines = tableLines(
    [
      { title: 'NAME', value: (row: { n: string; c: number }) => row.n },
      { title: 'COUNT', right: true, value: row => String(row.c) },
      { title: 'X', value: () => '' },
    ],
    [
      { n: 'a', c: 5 },
      { n: 'longer-ü', c: 12345678 },
    ],
  )
  t.same(lines, ['NAME         COUNT  X', 'a                5', 'longer-ü  12345678'])
  t.same(
    pairLines([
      ['a', '1'],
      ['bcd', undefined],
      ['ef', '2'],
    ]),
    ['a   1', 'ef  2'],
  )
})

t.test('names from devices cannot steer the terminal', async t => {
  t.equal(printable('a\x1b[2Jb\r\n\x07\u202ec'), 'a\\u001b[2Jb\\u000d\\u000a\\u0007\\u202ec')
  t.equal(printable('søn 𝄞'), 'søn 𝄞')
})
