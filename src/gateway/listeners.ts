/** Opens listeners: a transport, the adapter of its protocol behind it, and what status tells of both. */
import { type CoapConfig, CoapEngine } from '#adapters/coap/index.ts'
import { type MqttLimits, MqttListener } from '#adapters/mqtt/index.ts'
import type { ListenerStatus } from '#admin/ports.ts'
import type { Clock } from '#base/clock.ts'
import type { Logger } from '#base/logger.ts'
import { isUnixAddress, showAddress } from '#base/schema.ts'
import type { Access, Broker } from '#broker/ports.ts'
import type { Limits } from '#config/limits.ts'
import { openStreamListener } from '#listeners/open.ts'
import type { StreamListener } from '#listeners/types.ts'
import { openUdpListener } from '#listeners/udp.ts'
import type { ListenerConfig } from '#registry.ts'
import { clientLimits, prioritiesOf, rateLimits } from './client-limits.ts'
import { kebab, prefixed } from './counter-names.ts'
import { openMqttSn } from './mqtt-sn-listener.ts'

export interface ListenerServices {
  broker: Broker
  access: Access
  clock: Clock
  logger: Logger
}

/** An open listener with its adapter. */
export interface RunningListener {
  status(): ListenerStatus
  /** Takes nobody new; those who are there stay. */
  refuse(): Promise<void>
  /** Ends those who are there. */
  stop(): Promise<void>
}

export type Of<P extends ListenerConfig['protocol']> = Extract<ListenerConfig, { protocol: P }>
type Open<P extends ListenerConfig['protocol']> = (
  name: string,
  config: Of<P>,
  limits: Limits,
  services: ListenerServices,
) => Promise<RunningListener>

export async function openMqtt(name: string, config: Of<'mqtt'>, limits: Limits, services: ListenerServices): Promise<RunningListener> {
  const { clock } = services
  const logger = services.logger.child({ listener: name })
  const mqtt = new MqttListener({
    ...services,
    name,
    logger,
    limits: mqttLimits(limits),
    anonymous: config.anonymous,
    mountpoint: config.mountpoint,
  })
  const options = {
    name,
    maxConnections: config.max_connections ?? limits.max_connections,
    connectionsPerSecond: limits.connections_per_second,
    onConnection: mqtt.accept.bind(mqtt),
    openTimeoutMs: limits.connect_timeout,
    logger,
    clock,
  }
  let socket: StreamListener
  try {
    socket = await openStreamListener(config, options)
  } catch (error) {
    mqtt.stop()
    throw error
  }
  return {
    status: () => ({
      name,
      protocol: 'mqtt',
      transport: config.transport,
      bind: isUnixAddress(config.bind) ? config.bind.path : showAddress({ host: socket.address, port: socket.port }),
      connections: socket.connections,
      counters: kebab({ ...socket.counters, ...socket.faults.counts, ...prefixed('ended-', mqtt.ended) }),
    }),
    refuse: () => socket.close(),
    stop: async () => mqtt.stop(),
  }
}

export async function openCoap(name: string, config: Of<'coap'>, limits: Limits, services: ListenerServices): Promise<RunningListener> {
  const { broker, access, clock } = services
  const logger = services.logger.child({ listener: name })
  let engine: CoapEngine | undefined
  const socket = await openUdpListener({
    bind: config.bind,
    onDatagram: (bytes, remote) => engine?.receive(bytes, remote),
    logger,
    clock,
  })
  engine = new CoapEngine({
    broker,
    access,
    clock,
    logger,
    port: socket,
    listener: name,
    limits: clientLimits(limits),
    payloadBytesMax: limits.max_packet,
    clientsMax: config.max_connections ?? limits.max_connections,
    anonymous: config.anonymous,
    mountpoint: config.mountpoint,
    config: config satisfies CoapConfig,
  })
  const { endpoint } = engine
  return {
    status: () => ({
      name,
      protocol: 'coap',
      transport: config.transport,
      bind: showAddress({ host: socket.address, port: socket.port }),
      connections: engine.clients,
      counters: kebab({ ...socket.counters, ...endpoint.counters, ...prefixed('ended-', broker.ended(name)) }),
    }),
    refuse: async () => {},
    stop: async () => {
      engine.close()
      await socket.close()
    },
  }
}

function mqttLimits(limits: Limits): MqttLimits {
  return {
    packetBytesMax: limits.max_packet,
    receiveMaximum: limits.receive_maximum,
    sessionExpiryMs: limits.session_expiry,
    connectTimeoutMs: limits.connect_timeout,
    keepAliveMaxSeconds: Math.floor(limits.keep_alive_max / 1000),
    topicLevelsMax: limits.topic_levels,
    topicAliasMax: limits.topic_aliases,
    checkPayloadFormat: limits.check_payload_format,
    responseTopic: limits.response_topic,
    queueMessagesMax: limits.queue_messages,
    queueBytesMax: limits.queue_bytes,
    queueQos0: limits.queue_qos0,
    queueWhenFull: limits.when_full,
    ...prioritiesOf(limits),
    rate: rateLimits(limits),
  }
}

/** By protocol. */
export const LISTENER_PROTOCOLS: { [P in ListenerConfig['protocol']]: Open<P> } = {
  mqtt: openMqtt,
  coap: openCoap,
  'mqtt-sn': openMqttSn,
}
