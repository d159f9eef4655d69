/** SUBSCRIBE and UNSUBSCRIBE (`MQTT-SN 1.2 §6.9`). */
import type { Qos } from '#broker/ports.ts'
import { filterFault } from '#codecs/mqtt/index.ts'
import { RETURN_CODE, type SnQos, type SubscribePacket, type TopicSelection, type UnsubscribePacket } from '#codecs/mqtt-sn/index.ts'
import type { Node } from './node.ts'
import { returnCodeOf } from './publish.ts'

/** Deliveries are held until the SUBACK has left: retained messages come after it. */
export function subscribe(node: Node, packet: SubscribePacket): void {
  const { msgId, topic, qos, dup } = packet
  const key = `subscribe ${msgId}`
  if (node.isPending(key)) return
  const filter = filterOf(node, topic)
  if (typeof filter === 'number') return refuse(node, msgId, filter)
  if (qos < 0) return refuse(node, msgId, RETURN_CODE.notSupported)
  if (node.overloaded) {
    node.context.counters.congested++
    return refuse(node, msgId, RETURN_CODE.congestion)
  }
  const { client, context } = node
  client.hold()
  // Retained messages went out with the first of two; only a new subscription brings them again.
  const request = { filter: context.mountpoint.filter(filter), qos: qos as Qos, retainHandling: dup ? (1 as const) : (0 as const) }
  const { codes, position } = client.subscribe([request])
  const code = codes[0]
  if (code >= 0x80) {
    refuse(node, msgId, returnCodeOf(code))
    return client.resume()
  }
  const { id, saved } = topicIdFor(node, topic)
  const suback = { type: 'suback', qos: code as SnQos, topicId: id, msgId, returnCode: RETURN_CODE.accepted } as const
  node.answerRequest(key, Math.max(position, saved), suback, () => client.resume())
}

export function unsubscribe(node: Node, packet: UnsubscribePacket): void {
  const { msgId, topic } = packet
  const key = `unsubscribe ${msgId}`
  if (node.isPending(key)) return
  const filter = filterOf(node, topic)
  // There is no return code: what cannot be subscribed to is not subscribed to.
  const position = typeof filter === 'number' ? 0 : node.client.unsubscribe([node.context.mountpoint.filter(filter)]).position
  node.answerRequest(key, position, { type: 'unsuback', msgId })
}

/** The filter that is meant, or the return code that tells why there is none. */
function filterOf(node: Node, topic: TopicSelection): string | number {
  if (topic.kind !== 'name' && topic.kind !== 'short') {
    return topic.kind === 'reserved' ? RETURN_CODE.notSupported : (node.predefined.nameOf(topic.id) ?? RETURN_CODE.invalidTopicId)
  }
  return filterFault(topic.name) !== undefined || topic.name.includes('\0') ? RETURN_CODE.notSupported : topic.name
}

/** A name without wildcards gets its id with the SUBACK (`§5.4.16`); a predefined id is repeated; else it is 0. */
function topicIdFor(node: Node, topic: TopicSelection): { id: number; saved: number } {
  if (topic.kind === 'predefined') return { id: topic.id, saved: 0 }
  if (topic.kind !== 'name' || /[+#]/.test(topic.name) || topic.name.startsWith('$share/')) return { id: 0, saved: 0 }
  const { topic: assigned, position } = node.topics.assign(topic.name, node.connection)
  return { id: assigned.id, saved: position }
}

function refuse(node: Node, msgId: number, returnCode: number): void {
  node.send({ type: 'suback', qos: 0, topicId: 0, msgId, returnCode })
}
