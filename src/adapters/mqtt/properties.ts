/** The properties of a PUBLISH or will as the broker has them. */
import type { MessageProperties } from '#broker/ports.ts'
import type { Properties } from '#codecs/mqtt/index.ts'

/** What travels with the message; undefined when there is none of it. The bytes are copied. */
export function messageProperties(properties: Properties | undefined): MessageProperties | undefined {
  if (properties === undefined) return undefined
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } = properties
  const kept: MessageProperties = {}
  if (payloadFormatIndicator !== undefined) kept.payloadFormatIndicator = payloadFormatIndicator
  if (contentType !== undefined) kept.contentType = contentType
  if (responseTopic !== undefined) kept.responseTopic = responseTopic
  if (correlationData !== undefined) kept.correlationData = Buffer.from(correlationData)
  if (userProperties !== undefined) kept.userProperties = userProperties
  return Object.keys(kept).length > 0 ? kept : undefined
}
