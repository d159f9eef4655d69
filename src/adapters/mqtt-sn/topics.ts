/** REGISTER from nodes, and what topics are called by them (`MQTT-SN 1.2 §6.5`). */
import { topicFault } from '#codecs/mqtt/index.ts'
import { RETURN_CODE, type RegisterPacket, type TopicReference } from '#codecs/mqtt-sn/index.ts'
import type { Node } from './node.ts'

/** The topic that a node means, or the return code that tells it why there is none. */
export function resolve(node: Node, topic: TopicReference): string | number {
  switch (topic.kind) {
    case 'short':
      return topic.name
    case 'normal':
      return node.topics.nameOf(topic.id) ?? RETURN_CODE.invalidTopicId
    case 'predefined':
      return node.predefined.nameOf(topic.id) ?? RETURN_CODE.invalidTopicId
    case 'reserved':
      return RETURN_CODE.notSupported
  }
}

/** Gives a topic an id; the REGACK leaves once that is durable. */
export function register(node: Node, packet: RegisterPacket): void {
  const { msgId, topicName } = packet
  const key = `register ${msgId}`
  if (node.isPending(key)) return
  const refuse = (returnCode: number) => node.send({ type: 'regack', topicId: 0, msgId, returnCode })
  if (topicFault(topicName) !== undefined || topicName.includes('\0')) return refuse(RETURN_CODE.notSupported)
  if (node.context.broker.congested || node.overloaded) {
    node.context.counters.congested++
    return refuse(RETURN_CODE.congestion)
  }
  const { topic, position } = node.topics.assign(topicName, node.connection)
  node.answerRequest(key, position, { type: 'regack', topicId: topic.id, msgId, returnCode: RETURN_CODE.accepted })
}
