import t from 'tap'
import { isLoopbackHost } from '#admin/host-check.ts'

const cases: [header: string | undefined, isLoopback: boolean][] = [
  ['localhost', true],
  ['localhost:18083', true],
  ['LOCALHOST.:18083', true],
  ['127.0.0.1', true],
  ['127.0.0.1:18083', true],
  ['127.9.8.7:1', true],
  ['[::1]', true],
  ['[::1]:18083', true],
  [undefined, false],
  ['', false],
  ['evil.example', false],
  ['evil.example:18083', false],
  ['localhost.evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['127.0.0.1:18083@evil.example', false],
  ['192.0.2.1', false],
  ['0.0.0.0', false],
  ['[::]', false],
  ['[2001:db8::1]:80', false],
  ['localhost:', false],
  ['localhost:123456', false],
  ['localhost evil', false],
]

for (const [header, isLoopback] of cases) {
  t.test(`the Host header ${JSON.stringify(header)} ${isLoopback ? 'names' : 'does not name'} loopback`, async t => {
    t.equal(isLoopbackHost(header), isLoopback)
  })
}
