/** The `[sys]` table: what the gateway tells about itself on `$SYS/#`. */
import { boolean, duration, table } from '#base/schema.ts'

export const sysSchema = table(
  {
    interval: duration({
      description: 'How often versions, statistics and metrics are published on $SYS/brokers/{node}/…; "0s": never.',
      default: '1m',
    }),
    presence: boolean({
      description: 'Publish $SYS/brokers/{node}/clients/{clientid}/connected and …/disconnected as clients come and go.',
      default: true,
    }),
    subscriptions: boolean({
      description: 'Publish …/clients/{clientid}/subscribed and …/unsubscribed as well.',
      default: false,
    }),
  },
  { description: 'What the gateway tells about itself on $SYS topics.' },
)
