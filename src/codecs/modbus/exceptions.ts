/** Exception codes (Modbus Application Protocol 1.1b3 §7) in words. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  1: 'illegal function',
  2: 'illegal data address',
  3: 'illegal data value',
  4: 'server device failure',
  5: 'acknowledge: it takes longer',
  6: 'server device busy',
  7: 'negative acknowledge',
  8: 'memory parity error',
  10: 'gateway path unavailable',
  11: 'gateway target device failed to respond',
}

export function exceptionText(code: number): string {
  return EXCEPTIONS[code] ?? `exception ${code}`
}
