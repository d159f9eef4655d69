/** Block1 and Block2 option values (`RFC 7959 §2.2`). */
import type { CoapOption } from './message.ts'
import { decodeUint, encodeUint } from './option-values.ts'

export interface Block {
  /** Number of the block, 0 to 2^20 − 1. */
  readonly num: number
  /** Whether more blocks follow. */
  readonly more: boolean
  /** Size exponent, 0–6: blocks of 2^(szx + 4) bytes. */
  readonly szx: number
}

/** The largest block: 1024 bytes. */
const SZX_MAX = 6

export function blockSize(szx: number): number {
  return 16 << szx
}

/** The largest exponent whose block is not above `bytes`; 0 for anything under 32. */
export function szxFor(bytes: number): number {
  let szx = SZX_MAX
  while (szx > 0 && blockSize(szx) > bytes) szx--
  return szx
}

/** Reads a block option's value; undefined for the reserved exponent 7 and for values over 3 bytes. */
export function decodeBlock(value: Uint8Array): Block | undefined {
  if (value.length > 3) return undefined
  const all = decodeUint(value)
  const szx = all & 7
  if (szx === 7) return undefined
  return { num: all >>> 4, more: (all & 8) !== 0, szx }
}

export function blockOption(number: number, block: Block): CoapOption {
  return { number, value: encodeUint(block.num * 16 + (block.more ? 8 : 0) + block.szx) }
}
