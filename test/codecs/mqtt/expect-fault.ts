/** Asserts that decoding fails as a decode error and with nothing else. */

import type { Test } from 'tap'
import { isGatewayError } from '#base/errors.ts'

/** Runs `decode` and compares the reason code, and the offset where one is expected, of the decode error that it must throw. */
export function expectFault(t: Test, decode: () => unknown, name: string, reason: number, length: number, offset?: number): void {
  try {
    const value = decode()
    t.fail(`${name}: accepted`, { value })
  } catch (error) {
    if (!isGatewayError(error, 'decode-malformed')) {
      t.fail(`${name}: ${String(error)}`)
      return
    }
    t.equal(hex(error.reason), hex(reason), `${name}: ${error.message}`)
    t.ok(error.offset !== undefined && error.offset >= 0 && error.offset <= length, `${name}: offset ${error.offset} of ${length}`)
    if (offset !== undefined) t.equal(error.offset, offset, `${name}: offset`)
  }
}

function hex(reason: number | undefined): string {
  return `0x${reason?.toString(16)}`
}
