/** Lines of a stream as bytes: what is between newlines need not be text. */
import type { Readable } from 'node:stream'
import { GatewayError } from '#base/errors.ts'

const NEWLINE = 0x0a

/**
 * Yields each line without its newline; an unfinished one at the end counts.
 * @throws GatewayError `quota-exceeded` when a line is longer than `bytesMax`
 */
export async function* linesOf(stream: Readable, bytesMax: number): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    const piece = Buffer.from(chunk)
    let start = 0
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      const tail = piece.subarray(start, end)
      yield pieces.length === 0 ? tail : Buffer.concat([...pieces, tail])
      pieces = []
      bytes = 0
      start = end + 1
    }
    bytes += piece.length - start
    if (bytes > bytesMax) throw new GatewayError('quota-exceeded', `a line is longer than ${bytesMax} bytes`)
    if (start < piece.length) pieces.push(piece.subarray(start))
  }
  if (pieces.length > 0) yield Buffer.concat(pieces)
}
