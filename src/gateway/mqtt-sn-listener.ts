/** Opens a listener for MQTT-SN: its socket, and a second one where nodes search for gateways elsewhere. */
import { isIP } from 'node:net'
import { SnEngine } from '#adapters/mqtt-sn/index.ts'
import { showAddress } from '#base/schema.ts'
import type { Limits } from '#config/limits.ts'
import type { DatagramListener, DatagramRemote } from '#listeners/types.ts'
import { openUdpListener } from '#listeners/udp.ts'
import { clientLimits } from './client-limits.ts'
import { kebab, prefixed } from './counter-names.ts'
import type { ListenerServices, Of, RunningListener } from './listeners.ts'

export async function openMqttSn(
  name: string,
  config: Of<'mqtt-sn'>,
  limits: Limits,
  services: ListenerServices,
): Promise<RunningListener> {
  const { broker, clock } = services
  const logger = services.logger.child({ listener: name })
  let engine: SnEngine | undefined
  const onDatagram = (bytes: Buffer, remote: DatagramRemote) => engine?.receive(bytes, remote)
  const { advertise } = config
  const here = interfaceOf(config.bind.host)
  const group = advertise !== undefined && isMulticast(advertise.host) ? { address: advertise.host, interfaceAddress: here } : undefined
  // On a wildcard address and the same port the listener hears the search itself.
  const shared = advertise?.port === config.bind.port && here === undefined
  const socket = await openUdpListener({
    bind: config.bind,
    onDatagram,
    logger,
    clock,
    toMany: advertise !== undefined,
    group: shared ? group : undefined,
  })
  let search: DatagramListener | undefined
  try {
    if (advertise !== undefined && !shared) search = await openUdpListener({ bind: advertise, onDatagram, logger, clock, group })
    engine = new SnEngine({
      broker,
      clock,
      logger,
      port: socket,
      listener: name,
      limits: clientLimits(limits),
      payloadBytesMax: limits.max_packet,
      sessionExpiryMs: limits.session_expiry,
      connectTimeoutMs: limits.connect_timeout,
      clientsMax: config.max_connections ?? limits.max_connections,
      anonymous: config.anonymous,
      mountpoint: config.mountpoint,
      config,
    })
  } catch (error) {
    await socket.close()
    await search?.close()
    throw error
  }
  engine.advertise()
  return runningListener(name, config, engine, socket, search, () => prefixed('ended-', services.broker.ended(name)))
}

function runningListener(
  name: string,
  config: Of<'mqtt-sn'>,
  engine: SnEngine,
  socket: DatagramListener,
  search: DatagramListener | undefined,
  ended: () => Record<string, number>,
): RunningListener {
  return {
    status: () => ({
      name,
      protocol: 'mqtt-sn',
      transport: config.transport,
      bind: showAddress({ host: socket.address, port: socket.port }),
      connections: engine.clients,
      counters: kebab({ ...socket.counters, ...engine.counters, ...ended() }),
    }),
    refuse: async () => {},
    stop: async () => {
      engine.close()
      await search?.close()
      await socket.close()
    },
  }
}

/** The address that names an interface; undefined for a wildcard or a host name. */
function interfaceOf(host: string): string | undefined {
  return isIP(host) === 0 || host === '0.0.0.0' || host === '::' ? undefined : host
}

function isMulticast(address: string): boolean {
  if (isIP(address) === 6) return address.toLowerCase().startsWith('ff')
  const first = isIP(address) === 4 ? Number.parseInt(address, 10) : 0
  return first >= 224 && first <= 239
}
