import { type ConnackPacket, type ConnectPacket, encodePacket, type Properties } from '#codecs/mqtt/index.ts'
import type { EngineOptions, ServerTerms } from './options.ts'

const RECEIVE_MAXIMUM_DEFAULT = 65_535

/** The CONNECT that the options ask for. */
export function encodeConnect(options: EngineOptions): Uint8Array {
  const { version, clientId, cleanStart, username, password, will, receiveMaximum, sessionExpirySeconds } = options
  const packet: ConnectPacket = { type: 'connect', protocolVersion: version, clientId, cleanStart, keepAlive: options.keepAliveSeconds }
  if (username !== undefined) packet.username = username
  if (password !== undefined) packet.password = password
  if (will !== undefined) packet.will = will
  if (version === 5) {
    const properties: Properties = { maximumPacketSize: options.packetBytesMax }
    if (sessionExpirySeconds !== undefined && sessionExpirySeconds > 0) properties.sessionExpiryInterval = sessionExpirySeconds
    if (receiveMaximum !== undefined) properties.receiveMaximum = receiveMaximum
    packet.properties = properties
  }
  return encodePacket(packet, version)
}

/** What an accepting CONNACK means for the connection; absent properties have their specified defaults (`MQTT 5 §3.2.2.3`). */
export function termsOf(connack: ConnackPacket, options: EngineOptions): ServerTerms {
  const given = connack.properties ?? {}
  return {
    sessionPresent: connack.sessionPresent,
    clientId: given.assignedClientIdentifier ?? options.clientId,
    receiveMaximum: given.receiveMaximum ?? RECEIVE_MAXIMUM_DEFAULT,
    packetBytesMax: given.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    qosMax: given.maximumQos ?? 2,
    retainAvailable: given.retainAvailable ?? true,
    topicAliasMaximum: given.topicAliasMaximum ?? 0,
    subscriptionIdentifiers: options.version === 5 && (given.subscriptionIdentifiersAvailable ?? true),
    sharedSubscriptions: given.sharedSubscriptionAvailable ?? true,
    wildcardSubscriptions: given.wildcardSubscriptionAvailable ?? true,
    // [MQTT-3.2.2-21]
    keepAliveSeconds: given.serverKeepAlive ?? options.keepAliveSeconds,
    sessionExpirySeconds: given.sessionExpiryInterval,
    properties: connack.properties,
  }
}
