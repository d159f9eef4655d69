export { decodeProxyHeader, type ProxyTls } from './decode.ts'
