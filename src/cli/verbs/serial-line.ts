/** Opening a port for a command. */
import type { Context } from '../context.ts'
import type { SerialLineSettings, SerialParts, SerialPort } from '../serial-parts.ts'

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

/** Resolves at the first signal, or when nobody reads the output any more. Asked once for a command. */
export function interruption({ surroundings, terminal }: Context): Promise<'interrupted'> {
  return new Promise(resolve => {
    const interrupt = () => resolve('interrupted')
    surroundings.onSignal('SIGINT', interrupt)
    surroundings.onSignal('SIGTERM', interrupt)
    terminal.onClosed = interrupt
  })
}

/** Uses a port until `use` is done, the port is lost, or it is interrupted. Resolves with why it ended. */
export async function withPort(
  settings: SerialLineSettings,
  parts: SerialParts,
  interrupted: Promise<'interrupted'>,
  onData: (bytes: Uint8Array) => void,
  use: (port: SerialPort) => Promise<void>,
): Promise<'done' | 'interrupted' | { lost: string }> {
  let lose: (why: { lost: string }) => void = () => {}
  const lost = new Promise<{ lost: string }>(resolve => (lose = resolve))
  const port = await parts.openPort(settings, { data: onData, lost: reason => lose({ lost: reason }) })
  try {
    return await Promise.race([use(port).then(() => 'done' as const), lost, interrupted])
  } finally {
    await port.close()
  }
}
