/** Memory does not grow with the backlog. E2E_MILLION makes it more or less than a million. */
import t from 'tap'
import { hasProgram } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { open, publishAll, receiveAll } from './flood.ts'
import { GatewayFixture } from './gateway-fixture.ts'
import { residentMemory } from './resident-memory.ts'

const COUNT = Number(process.env['E2E_MILLION'] ?? 1_000_000)
const PAYLOAD_BYTES = 256
const GROWTH_MAX_BYTES = 64 * 1024 * 1024
const LIMITS = `[limits]
queue_messages = 10000000
queue_bytes = "8GiB"
[store]
max_bytes = "8GiB"
`

t.test('a million messages wait for an offline session in bounded memory, and come in order', { timeout: 118_000 }, async t => {
  if (!hasProgram(t)) return
  const fixture = await GatewayFixture.make(t, temporaryFolder(t), LIMITS)
  const gateway = await fixture.start()
  const { socket } = await open(fixture.mqttPort, 'away', { cleanStart: false, filter: 'data/#' })
  socket.destroy()
  const atRest = residentMemory(gateway.pid).bytes
  let highest = atRest
  const watch = () => (highest = Math.max(highest, residentMemory(gateway.pid).bytes))
  const grown = () => `${Math.round((highest - atRest) / 1024 / 1024)} MiB`
  const said = { port: fixture.mqttPort, first: 0, count: COUNT, payloadBytes: PAYLOAD_BYTES, progress: watch }

  const start = performance.now()
  await publishAll({ ...said, clientId: 'source', topic: 'data/a' })
  const queued = performance.now()
  t.comment(`${COUNT} queued in ${seconds(queued - start)} s; memory at rest ${Math.round(atRest / 1024 / 1024)} MiB, grew by ${grown()}`)
  t.ok(highest - atRest < GROWTH_MAX_BYTES, `memory grew by less than 64 MiB while they were queued: ${grown()}`)
  t.match(await fixture.list('queues'), [{ queued: COUNT }], 'all of them wait')

  await receiveAll({ ...said, clientId: 'away' })
  t.comment(`delivered in ${seconds(performance.now() - queued)} s; memory grew by ${grown()}`)
  t.pass('all came, in order, each whole')
  t.ok(highest - atRest < 2 * GROWTH_MAX_BYTES, `memory grew by less than 128 MiB until they were delivered: ${grown()}`)
  t.equal((await gateway.end('SIGTERM')).code, 0)
})

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
