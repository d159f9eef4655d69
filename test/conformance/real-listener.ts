import type { Test } from 'tap'
import { createAccess } from '#access/index.ts'
import { type MqttLimits, MqttListener } from '#adapters/mqtt/index.ts'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { createBroker, type GatewayBroker } from '#broker/broker.ts'
import { openStreamListener } from '#listeners/open.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { TEST_LIMITS } from '../support/mqtt-harness.ts'

export interface RealListener {
  port: number
  mqtt: MqttListener
  broker: GatewayBroker
}

/** Broker, adapter and a TCP or WebSocket listener on a free port of loopback, for as long as the test runs. */
export async function realListener(t: Test, limits: Partial<MqttLimits> = {}, transport: 'tcp' | 'ws' = 'tcp'): Promise<RealListener> {
  const clock = systemClock()
  const broker = await createBroker({ store: new MemoryStore({ clock }), access: createAccess('loopback'), clock, logger: silentLogger })
  const mqtt = new MqttListener({
    name: 'test',
    broker,
    clock,
    logger: silentLogger,
    limits: { ...TEST_LIMITS, ...limits },
    anonymous: undefined,
  })
  const listener = await openStreamListener(
    { transport, bind: { host: '127.0.0.1', port: 0 } },
    {
      name: 'test',
      maxConnections: 1000,
      connectionsPerSecond: 0,
      onConnection: connection => mqtt.accept(connection),
      logger: silentLogger,
      clock,
    },
  )
  t.teardown(async () => {
    await listener.close()
    mqtt.stop()
    broker.stop()
  })
  return { port: listener.port, mqtt, broker }
}
