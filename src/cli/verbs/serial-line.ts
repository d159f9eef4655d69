/** Opening a port for a command. */
import type { Context } from '../context.ts'
import type { SerialLineSettings, SerialPort } from '../serial-parts.ts'

export interface LineChoice {
  readonly baud: number | undefined
  readonly 'data-bits': number | undefined
  readonly parity: 'none' | 'even' | 'odd' | undefined
  readonly 'stop-bits': number | undefined
  readonly time: number | undefined
}

/** The line settings that options ask for, over those that are usual. */
export function lineSettings(path: string, choice: LineChoice, usual: Partial<SerialLineSettings> = {}): SerialLineSettings {
  return {
    path,
    baud: choice.baud ?? usual.baud ?? 9600,
    dataBits: (choice['data-bits'] as 5 | 6 | 7 | 8 | undefined) ?? usual.dataBits ?? 8,
    parity: choice.parity ?? usual.parity ?? 'none',
    stopBits: (choice['stop-bits'] as 1 | 2 | undefined) ?? usual.stopBits ?? 1,
    rtsCts: false,
  }
}

/** Uses a port until `use` is done, the port is lost, or a signal comes. Resolves with why it ended. */
export async function withPort(
  settings: SerialLineSettings,
  context: Context,
  onData: (bytes: Uint8Array) => void,
  use: (port: SerialPort) => Promise<void>,
): Promise<'done' | 'interrupted' | { lost: string }> {
  const parts = await context.parts.serial()
  let end: (why: 'interrupted' | { lost: string }) => void = () => {}
  const ended = new Promise<'interrupted' | { lost: string }>(resolve => (end = resolve))
  const port = await parts.openPort(settings, { data: onData, lost: reason => end({ lost: reason }) })
  context.surroundings.onSignal('SIGINT', () => end('interrupted'))
  context.surroundings.onSignal('SIGTERM', () => end('interrupted'))
  context.terminal.onClosed = () => end('interrupted')
  try {
    return await Promise.race([use(port).then(() => 'done' as const), ended])
  } finally {
    await port.close()
  }
}
