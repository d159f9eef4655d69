/** The certificate that all servers show in the TLS scenarios, made once by openssl. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Transport } from './job.ts'

type Files = { 'server.pem': string; 'server.key': string }

let made: Files | undefined

/** `server.pem` and `server.key` for scenarios with TLS, nothing for others. @throws when openssl is missing */
export function certificate(transport: Transport): Files | Record<string, never> {
  if (transport !== 'tls') return {}
  made ??= make()
  return made
}

function make(): Files {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-bench-'))
  const [cert, key] = [join(folder, 'server.pem'), join(folder, 'server.key')]
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost']
  try {
    execFileSync('openssl', [...words, '-keyout', key, '-out', cert], { stdio: ['ignore', 'ignore', 'pipe'] })
    return { 'server.pem': readFileSync(cert, 'utf8'), 'server.key': readFileSync(key, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
