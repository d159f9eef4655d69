/** Updates of the will (`MQTT-SN 1.2 §6.4`). */
import type { Qos } from '#broker/ports.ts'
import { topicFault } from '#codecs/mqtt/index.ts'
import { RETURN_CODE, type WillMessagePacket, type WillTopicPacket } from '#codecs/mqtt-sn/index.ts'
import type { Node } from './node.ts'
import { brokerWill, type StoredWill } from './node-record.ts'
import { returnCodeOf } from './publish.ts'

/** An empty topic deletes the will, its message too. */
export function updateWillTopic(node: Node, packet: WillTopicPacket): void {
  const { topic, qos, retain } = packet
  const invalid = topic !== '' && (topicFault(topic) !== undefined || topic.includes('\0') || qos < 0)
  if (invalid) return node.send({ type: 'willtopicresp', returnCode: RETURN_CODE.notSupported })
  const payload = node.will?.payload ?? new Uint8Array(0)
  change(node, 'willtopicresp', topic === '' ? undefined : { topic, qos: qos as Qos, retain, payload })
}

/** Without a will topic there is nothing that the message could belong to. */
export function updateWillMessage(node: Node, packet: WillMessagePacket): void {
  if (node.will === undefined) return node.send({ type: 'willmsgresp', returnCode: RETURN_CODE.notSupported })
  change(node, 'willmsgresp', { ...node.will, payload: Uint8Array.from(packet.payload) })
}

function change(node: Node, type: 'willtopicresp' | 'willmsgresp', will: StoredWill | undefined): void {
  const position = node.client.setWill(brokerWill(will, name => node.context.mountpoint.topic(name)))
  if (position < 0) return node.send({ type, returnCode: returnCodeOf(-position) })
  node.will = will
  node.answerRequest(type, Math.max(position, node.save()), { type, returnCode: RETURN_CODE.accepted })
}
