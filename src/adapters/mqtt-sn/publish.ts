/** PUBLISH from nodes, and the PUBREL of QoS 2 (`MQTT-SN 1.2 §6.6`). */
import { Message, type Qos } from '#broker/ports.ts'
import { type PublishPacket, RETURN_CODE, type SnPacket, shortNameId, type TopicReference } from '#codecs/mqtt-sn/index.ts'
import type { Node } from './node.ts'
import { resolve } from './topics.ts'

/** MQTT 5 §2.4. */
const NOT_AUTHORIZED = 0x87
const TOPIC_NAME_INVALID = 0x90
const QUOTA_EXCEEDED = 0x97

export function publish(node: Node, packet: PublishPacket): void {
  const { qos, msgId, topic } = packet
  const key = `publish ${msgId}`
  // The same again while the disk is being waited for: its answer is under way.
  if (qos > 0 && node.isPending(key)) return
  const name = resolve(node, topic)
  if (typeof name === 'number') return refuse(node, packet, name)
  if (packet.payload.length > node.context.payloadBytesMax) return refuse(node, packet, RETURN_CODE.notSupported)
  if (qos === 2 && msgId === 0) return refuse(node, packet, RETURN_CODE.notSupported)
  if (node.context.broker.congested || node.rate?.spent || (qos > 0 && node.overloaded)) return refuse(node, packet, RETURN_CODE.congestion)
  node.rate?.took(packet.payload.length)
  const route = node.context.broker.route(node.context.mountpoint.topic(name))
  if (route === undefined) return refuse(node, packet, RETURN_CODE.notSupported)
  if (qos <= 0) {
    const outcome = node.client.publish(route, messageOf(packet, route.topic))
    if (outcome < 0) refuse(node, packet, returnCodeOf(-outcome))
    return
  }
  // A node that hears itself gets the answer first: many cannot do with a PUBLISH while they wait for it.
  node.client.hold()
  const position = node.client.publish(route, messageOf(packet, route.topic), qos === 2 ? msgId : undefined)
  if (position >= 0) return node.answerRequest(key, position, acknowledgement(packet), () => node.client.resume())
  refuse(node, packet, returnCodeOf(-position))
  node.client.resume()
}

export function pubrel(node: Node, msgId: number): void {
  const key = `pubrel ${msgId}`
  if (node.isPending(key)) return
  // An unknown id was released before: its PUBCOMP was lost.
  const position = Math.max(0, node.client.release(msgId))
  node.answerRequest(key, position, { type: 'pubcomp', msgId })
}

/** A message with a payload of its own: the datagram is not kept. */
export function messageOf({ qos, retain, payload }: PublishPacket, topic: string): Message {
  const own = Uint8Array.from(payload)
  return new Message(topic, own, 0, own.length, Math.max(0, qos) as Qos, retain)
}

/** What a refused publish is answered with: a PUBACK also at QoS 0 and 2 (`§5.4.13`); QoS −1 hears nothing. */
function refuse(node: Node, packet: PublishPacket, returnCode: number): void {
  if (returnCode === RETURN_CODE.congestion) node.context.counters.congested++
  if (packet.qos >= 0) node.send({ type: 'puback', topicId: wireTopicId(packet.topic), msgId: packet.msgId, returnCode })
}

function acknowledgement({ qos, topic, msgId }: PublishPacket): SnPacket {
  if (qos === 2) return { type: 'pubrec', msgId }
  return { type: 'puback', topicId: wireTopicId(topic), msgId, returnCode: RETURN_CODE.accepted }
}

/** The two octets that stood in the topic id's place. */
export function wireTopicId(topic: TopicReference): number {
  return topic.kind === 'short' ? shortNameId(topic.name) : topic.id
}

/** What the broker refused with a reason code of MQTT 5, as far as MQTT-SN can say it (`§5.3.10`). */
export function returnCodeOf(reason: number): number {
  if (reason === QUOTA_EXCEEDED) return RETURN_CODE.congestion
  return reason === NOT_AUTHORIZED || reason === TOPIC_NAME_INVALID ? RETURN_CODE.notSupported : RETURN_CODE.congestion
}
