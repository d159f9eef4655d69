/** The PROXY protocol header in front of a connection. */

import { BlockList } from 'node:net'
import { describeError } from '#base/errors.ts'
import type { Network } from '#base/schema.ts'
import { decodeProxyHeader, type ProxyTls } from '#codecs/proxy-protocol/index.ts'
import { isIPv6Text, plainAddress } from './address.ts'
import { type Opening, type OpeningStage, readAhead } from './opening.ts'
import type { PeerCertificate } from './types.ts'

export interface ProxySettings {
  readonly trusted: readonly Network[]
}

export class ProxyGate implements OpeningStage {
  readonly timeout = 'proxy-timeout'
  readonly #trusted = new BlockList()
  readonly #endsTls: boolean

  /** `endsTls`: whether it is the proxy that speaks TLS with clients, so that it knows their certificates. */
  constructor({ trusted }: ProxySettings, endsTls: boolean) {
    for (const { address, prefixBits, family } of trusted) this.#trusted.addSubnet(address, prefixBits, family)
    this.#endsTls = endsTls
  }

  begin(opening: Opening): void {
    if (!this.#trusted.check(opening.address, isIPv6Text(opening.address) ? 'ipv6' : 'ipv4')) return opening.fail('proxy-untrusted')
    readAhead(opening, bytes => this.#look(opening, bytes))
  }

  #look(opening: Opening, bytes: Buffer): number | undefined {
    try {
      const header = decodeProxyHeader(bytes)
      if (header === undefined) return undefined
      const { source, tls, length } = header
      if (source !== undefined) opening.facts.remote = { address: plainAddress(source.address), port: source.port }
      if (tls !== undefined && this.#endsTls) opening.facts.certificate = certificateOf(tls)
      return length
    } catch (error) {
      opening.fail('proxy-malformed', describeError(error))
      return undefined
    }
  }
}

/** The common name of a verified certificate is the user name. */
function certificateOf({ verified, commonName }: ProxyTls): PeerCertificate | undefined {
  if (!verified || commonName === undefined || commonName === '' || /[\0-\x1f\x7f]/.test(commonName)) return undefined
  return { commonName, username: commonName }
}
