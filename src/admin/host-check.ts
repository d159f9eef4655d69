/**
 * The Host header on TCP must name loopback. A browser that was led by a forged DNS answer to this port (DNS
 * rebinding) still names the foreign host, and is refused.
 */
import { isLoopback } from '#base/schema.ts'

/** Whether a Host header (`localhost:18083`, `127.0.0.1`, `[::1]:80`) names loopback. */
export function isLoopbackHost(header: string | undefined): boolean {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+?)\.?)(?::\d{1,5})?$/.exec(header ?? '')
  return match !== null && isLoopback({ host: (match[1] ?? match[2]) as string, port: 0 })
}
