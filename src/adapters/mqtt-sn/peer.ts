/** Where a node is: an address and port, and behind a forwarder the wireless node id (`MQTT-SN 1.2 §5.5`). */
import type { DatagramRemote } from '#listeners/types.ts'

export interface Peer {
  readonly address: string
  readonly port: number
  readonly loopback: boolean
  /** The wireless node id in hex; undefined for a node that sends for itself. */
  readonly nodeId: string | undefined
  /** The same for equal places alone. */
  readonly key: string
}

export function peerOf(remote: DatagramRemote, nodeId?: Uint8Array): Peer {
  const { address, port, loopback } = remote
  const hex = nodeId === undefined ? undefined : Buffer.from(nodeId).toString('hex')
  return { address, port, loopback, nodeId: hex, key: hex === undefined ? `${address} ${port}` : `${address} ${port} ${hex}` }
}

/** `192.0.2.7:40001`, `[2001:db8::7]:40001`, `192.0.2.7:40001/0a1b` behind a forwarder. */
export function showPeer({ address, port, nodeId }: Peer): string {
  const host = address.includes(':') ? `[${address}]` : address
  return nodeId === undefined ? `${host}:${port}` : `${host}:${port}/${nodeId}`
}
