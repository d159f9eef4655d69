/** A message as a record: for what is published later, wills and delayed messages. */
import { Message, type MessageProperties, type Qos, type TimeQuality } from './message.ts'

export interface MessageRecord {
  topic: string
  /** Base64. */
  payload: string
  qos: Qos
  retain: boolean
  properties?: Omit<MessageProperties, 'correlationData'> & { correlationData?: string }
}

/** When a message was taken and from whom: for one that keeps its time until it is published. */
export interface TakenRecord extends MessageRecord {
  publisher: string
  timeMs: number
  timeQuality: TimeQuality
  takenAtMs: number
  expiresAtMs: number
}

export function messageRecord({ topic, payload, qos, retain, properties }: Message): MessageRecord {
  const record: MessageRecord = { topic, payload: Buffer.from(payload).toString('base64'), qos, retain }
  if (properties !== undefined) {
    const { correlationData, ...rest } = properties
    record.properties = { ...rest, ...(correlationData && { correlationData: Buffer.from(correlationData).toString('base64') }) }
  }
  return record
}

export function takenRecord(message: Message): TakenRecord {
  const { publisher, timeMs, timeQuality, takenAtMs, expiresAtMs } = message
  return { ...messageRecord(message), publisher, timeMs, timeQuality, takenAtMs, expiresAtMs }
}

/** The message of a record, with its time and publisher where the record has them. */
export function messageOf(record: MessageRecord | TakenRecord): Message {
  let properties: MessageProperties | undefined
  if (record.properties !== undefined) {
    const { correlationData, ...rest } = record.properties
    properties = { ...rest, ...(correlationData !== undefined && { correlationData: Buffer.from(correlationData, 'base64') }) }
  }
  return Message.from({ ...record, payload: Buffer.from(record.payload, 'base64'), properties })
}
