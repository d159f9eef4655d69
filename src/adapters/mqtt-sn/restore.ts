/** Nodes that were connected when the gateway stopped, or fell: they do not know, and go on. */
import type { Identity } from '#broker/ports.ts'
import type { SnContext } from './context.ts'
import type { NodeRecord } from './node-record.ts'
import type { Nodes } from './nodes.ts'

/** Who may no longer come in, or cannot be asked about now, has to CONNECT. */
export function restoreNodes(context: SnContext, nodes: Nodes): void {
  for (const [clientId, record] of nodes.stored()) {
    const refused = () => nodes.refuseStored(clientId, record)
    restore(context, nodes, clientId, record, refused)
  }
}

function restore(context: SnContext, nodes: Nodes, clientId: string, record: NodeRecord, refused: () => void): void {
  const admitted = (identity: Identity) => {
    try {
      nodes.restore(clientId, record, identity)
    } catch (error) {
      context.logger.warn('a node cannot go on where it was', { client: clientId, error })
      refused()
    }
  }
  let outcome: Identity | Promise<Identity>
  try {
    outcome = context.admit(clientId, record.peer)
  } catch {
    return refused()
  }
  if (outcome instanceof Promise) outcome.then(admitted, refused)
  else admitted(outcome)
}
