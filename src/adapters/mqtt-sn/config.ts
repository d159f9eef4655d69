/** The keys that a listener with `protocol = "mqtt-sn"` has beyond those of every listener. */
import { bind, boolean, duration, type InferKeys, integer, list, map, size, string, table } from '#base/schema.ts'
import { filterFault, topicFault } from '#codecs/mqtt/index.ts'

const predefined = map(
  string({
    description: 'A topic. `${client_id}` in it is the node’s own id.',
    test: text => {
      const fault = topicFault(text.replaceAll(CLIENT_ID_PLACEHOLDER, 'x'))
      return fault === undefined ? undefined : { message: fault }
    },
  }),
  {
    names: /^(?!65535$)(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$/,
    namesText: 'a topic id from 1 to 65534',
    max: 65_534,
    description: 'Topics by the ids under which nodes know them without registering.',
    example: { 1: 'site/temperature', 2: 'site/humidity' },
  },
)

/** Stands in a predefined topic for the client id of the node. */
export const CLIENT_ID_PLACEHOLDER = '${client_id}'

export const mqttSnKeys = {
  gateway_id: integer({ description: 'How this gateway names itself in ADVERTISE and GWINFO.', default: 1, min: 1, max: 255 }),
  advertise: bind({
    description: 'Where ADVERTISE goes and SEARCHGW is listened for: a multicast group or broadcast address, and port. If absent: nowhere.',
    example: '239.255.18.84:1884',
  }),
  advertise_interval: duration({
    description: 'How often ADVERTISE is sent; nodes take a gateway for gone that is late several times.',
    default: '15m',
    min: '1s',
    max: '65535s',
  }),
  predefined,
  groups: map(
    table(
      {
        clients: list(string({ description: 'A client id; `*` in it stands for any characters.', maxLength: 256 }), {
          min: 1,
          description: 'Which nodes belong to the group.',
          example: ['meter-*'],
        }),
        predefined,
      },
      { description: 'Nodes with predefined topics of their own.' },
    ),
    {
      max: 256,
      description: 'Groups of nodes by name. What a group predefines goes before what all share; the first group that has an id counts.',
    },
  ),
  qos_minus_one: boolean({
    description: 'Whether publishes without a connection (QoS −1) are taken, by short names and by predefined ids that all nodes share.',
    default: true,
  }),
  qos_minus_one_topics: list(
    string({
      description: 'A topic filter.',
      test: text => {
        const fault = filterFault(text)
        return fault === undefined ? undefined : { message: fault }
      },
    }),
    { default: ['#'], max: 1000, description: 'The topics that may be published at QoS −1.', example: ['alarms/#'] },
  ),
  retry_interval: duration({
    description: 'How long the gateway waits for a node’s answer before it sends again (T_retry).',
    default: '10s',
    min: '100ms',
    max: '10m',
  }),
  retries: integer({
    description: 'How often it sends again before a node that was not heard of meanwhile counts as lost (N_retry).',
    default: 4,
    max: 100,
  }),
  topic_ids: integer({
    description: 'The most topic ids of one node. Beyond it the one that was used longest ago goes; the node registers it again.',
    default: 1000,
    min: 1,
    max: 65_534,
  }),
  max_datagram: size({
    description: 'The longest datagram that is sent to a node. A message that does not fit is dropped for it and counted.',
    default: '65507B',
    min: '64B',
    max: '65507B',
  }),
} as const

export type MqttSnConfig = InferKeys<typeof mqttSnKeys>
