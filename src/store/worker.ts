/** Entry of the store's worker thread: takes messages from its port and gives them to the keeper. */
import { parentPort, workerData } from 'node:worker_threads'
import { describeError, isGatewayError, systemCode } from '#base/errors.ts'
import { systemClock } from '#base/system-clock.ts'
import { Keeper } from './keeper.ts'
import type { FromWorker, ToWorker, WorkerSettings } from './protocol.ts'

const port = parentPort!
const post = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
const keeper = new Keeper(workerData as WorkerSettings, systemClock(), post)

port.on('message', (message: ToWorker) => {
  if (message.type === 'batch') keeper.commit(message.buffer)
  else if (message.type === 'read') keeper.read(message.request)
  else if (message.type === 'ping') post({ type: 'pong', id: message.id })
  else if (message.type === 'load') load()
  else {
    keeper.close(message.checkpoint)
    port.close()
  }
})

function load(): void {
  try {
    keeper.load()
  } catch (error) {
    const known = isGatewayError(error)
    const full = systemCode(error) === 'SQLITE_FULL' || systemCode(error) === 'ENOSPC'
    const code = known ? error.code : full ? 'store-full' : 'store-failed'
    const message = known ? error.message : `the store cannot be opened: ${describeError(error)}`
    post({ type: 'refused', code, message, hint: known ? error.hint : undefined })
    port.close()
  }
}
