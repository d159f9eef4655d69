/** A short life of a gateway on all that it carries inside: sockets, datagrams, a serial line, and SQLite over a kill. */
import { join } from 'node:path'
import type { Test } from 'tap'
import { Listening } from '../e2e/listening.ts'
import { SerialLine } from '../e2e/serial-line.ts'
import { within } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { peer } from '../support/peers.ts'
import { GatewayProcess, type RunOptions, runToEnd } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Much longer than anything takes, as an emulated processor is slow. */
const PATIENCE_MS = 100_000

/** Lets `program` live; what it cannot do fails the test. Data goes to a folder of its own. */
export async function liveAndDie(t: Test, options: RunOptions): Promise<void> {
  const [sub, pub, coap, socat] = [peer(t, 'mosquitto_sub'), peer(t, 'mosquitto_pub'), peer(t, 'coap-client'), peer(t, 'socat')]
  if (sub === undefined || pub === undefined || coap === undefined || socat === undefined) return
  const folder = temporaryFolder(t)
  const port = join(folder, 'meter')
  const line = await SerialLine.open(socat, port)
  t.teardown(() => line.close())
  const [mqttPort, coapPort] = [await freePort(), await freePort()]
  const settings = [`listeners.local.bind=127.0.0.1:${mqttPort}`, `listeners.coap.bind=127.0.0.1:${coapPort}`, `serial.meter.port=${port}`]
  const words = ['--data-dir', join(folder, 'data'), ...[...settings, 'admin.bind=off'].flatMap(each => ['--set', each])]
  const start = async () => {
    const gateway = new GatewayProcess(words, options)
    t.teardown(() => gateway.end('SIGKILL'))
    await within(PATIENCE_MS, 'the gateway is ready', gateway.ready)
    await within(PATIENCE_MS, 'the port is open', gateway.said(/port open/))
    return gateway
  }
  const publish = (topic: string, message: string) => {
    const server = ['-h', '127.0.0.1', '-p', String(mqttPort)]
    return runToEnd(pub, [...server, '-t', topic, '-m', message, '-q', '1'], { timeoutMs: PATIENCE_MS })
  }

  const first = await start()
  const listening = await Listening.begin(sub, mqttPort, '#')
  t.teardown(() => listening.end())
  line.send('21.5 C\n')
  const putting = await runToEnd(coap, ['-m', 'put', '-e', '64', `coap://127.0.0.1:${coapPort}/ps/boiler/temp`], { timeoutMs: PATIENCE_MS })
  t.match(putting, { code: 0, stderr: '' }, 'coap-client has its answer')
  t.match(await publish('door/open', 'yes'), { code: 0, stderr: '' }, 'mosquitto_pub has its answer')
  for (const wanted of ['serial/meter/line 21.5 C', 'boiler/temp 64', 'door/open yes']) {
    await within(PATIENCE_MS, wanted, listening.heard(wanted))
    t.pass(wanted)
  }
  await listening.end()
  await (await Listening.begin(sub, mqttPort, 'alarms/#', '-i', 'desk', '-c')).end()
  t.equal((await publish('alarms/fire', 'hot')).code, 0)
  await first.end('SIGKILL')

  const second = await start()
  const again = await Listening.begin(sub, mqttPort, 'alarms/#', '-i', 'desk', '-c')
  t.teardown(() => again.end())
  await within(PATIENCE_MS, 'the message', again.heard('alarms/fire hot'))
  t.pass('what was acknowledged is there after kill -9')
  await again.end()
  t.same(await within(PATIENCE_MS, 'the gateway stops', second.end('SIGTERM')), { code: 0, signal: null }, 'SIGTERM ends it with 0')
}
