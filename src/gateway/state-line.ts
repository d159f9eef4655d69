/** How the gateway is, in the one line that a service manager shows. */
import type { BridgeState } from '#bridges/types.ts'
import type { BrokerStatus } from '#broker/ports.ts'

/** `3 clients; 1 of 2 bridges connected; 1204 messages wait`, and what is wrong with the store. */
export function stateLine({ clients, queued, store }: BrokerStatus, bridges: readonly BridgeState[]): string {
  const parts = [clients === 1 ? '1 client' : `${clients} clients`]
  const connected = bridges.filter(state => state === 'connected').length
  if (bridges.length > 0) parts.push(`${connected} of ${bridges.length} bridges connected`)
  parts.push(queued === 1 ? '1 message waits' : `${queued} messages wait`)
  if (store.condition !== 'ok') parts.push(`the store refuses what needs the disk: ${store.reason}`)
  return parts.join('; ')
}
