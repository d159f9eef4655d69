/** `tidegate serial sniff`: what comes over a line, with its times. */
import { GatewayError } from '#base/errors.ts'
import type { Context } from '../context.ts'
import { interruption, type LineChoice, lineSettings, withPort } from './serial-line.ts'

/** Silence after which bytes begin a line of their own, ms. */
const PIECE_GAP_MS = 20
const PIECE_BYTES_MAX = 256
const ROW_BYTES = 16

export async function sniffPort(port: string, choice: LineChoice & { hex: boolean; json: boolean }, context: Context): Promise<void> {
  const { clock } = context.parts
  const began = clock.monotonic()
  let piece: number[] = []
  let pieceAt = 0
  let lastAt = 0
  let timer: object | undefined
  const flush = () => {
    timer = undefined
    if (piece.length === 0) return
    for (const line of showPiece(Uint8Array.from(piece), pieceAt, choice)) context.terminal.line(line)
    piece = []
  }
  const settings = lineSettings(port, choice)
  context.terminal.complain(`${port} at ${settings.baud} baud; Ctrl-C ends it`)
  const why = await withPort(
    settings,
    await context.parts.serial(),
    interruption(context),
    bytes => {
      const now = clock.monotonic() - began
      if (piece.length > 0 && now - lastAt > PIECE_GAP_MS) flush()
      if (piece.length === 0) pieceAt = now
      lastAt = now
      for (const byte of bytes) {
        piece.push(byte)
        if (piece.length >= PIECE_BYTES_MAX) flush()
      }
      clock.clearTimer(timer)
      timer = clock.setTimer(PIECE_GAP_MS, flush)
    },
    () => new Promise(resolve => void (choice.time !== undefined && clock.setTimer(choice.time, resolve))),
  )
  clock.clearTimer(timer)
  flush()
  if (typeof why === 'object') throw new GatewayError('connection-lost', `the port was lost: ${why.lost}`)
}

/** The lines that show some bytes: time, digits, and what they are as text. */
export function showPiece(bytes: Uint8Array, atMs: number, { hex, json }: { hex: boolean; json: boolean }): string[] {
  const digits = Buffer.from(bytes).toString('hex')
  if (json) return [JSON.stringify({ ms: Math.round(atMs), hex: digits, text: Buffer.from(bytes).toString('latin1') })]
  if (hex) return [digits]
  const rows: string[] = []
  for (let at = 0; at < bytes.length; at += ROW_BYTES) {
    const row = bytes.subarray(at, at + ROW_BYTES)
    const time = at === 0 ? `${(atMs / 1000).toFixed(3).padStart(9)} ` : ' '.repeat(10)
    const pairs = Array.from(row, byte => byte.toString(16).padStart(2, '0')).join(' ')
    const shown = Array.from(row, byte => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    rows.push(`${time}${pairs.padEnd(ROW_BYTES * 3)} ${shown}`)
  }
  return rows
}
