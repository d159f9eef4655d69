/** The admin interface as a client of the broker: attached only while something of its own is being published. */
import type { Broker, Client, ClientLimits, Message, Sink } from '#broker/ports.ts'

const CLIENT_ID = '$api'

/** It subscribes to nothing, so its queue stays empty. */
const LIMITS: ClientLimits = {
  queue: { messagesMax: 1, bytesMax: 1024, ageMaxMs: 0, whenFull: 'drop-newest', qos0: false },
  inFlightMax: 1,
  topicLevelsMax: 128,
}

const deaf: Sink = { congested: false, send: () => {}, sendRun: () => false, deliver: () => {}, release: () => {}, close: () => {} }

interface Attached {
  client: Client
  pending: number
}

const attached = new WeakMap<Broker, Attached>()

/**
 * Publishes and resolves once the message is durable.
 * @throws GatewayError as `Broker.publishDurably`
 */
export async function publishAs(broker: Broker, message: Message): Promise<void> {
  const own = attachedTo(broker)
  own.pending++
  try {
    await broker.publishDurably(own.client, message)
  } finally {
    own.pending--
    if (own.pending === 0) {
      if (attached.get(broker) === own) attached.delete(broker)
      own.client.detach(true)
    }
  }
}

function attachedTo(broker: Broker): Attached {
  const present = attached.get(broker)
  if (present?.client.attached) return present
  const identity = broker.internalIdentity(CLIENT_ID, 'http', true)
  const { client } = broker.attach({
    identity,
    sink: deaf,
    protocol: 'http',
    listener: 'admin',
    peer: undefined,
    cleanStart: true,
    sessionExpiryMs: 0,
    limits: LIMITS,
  })
  client.resume()
  const own = { client, pending: 0 }
  attached.set(broker, own)
  return own
}
