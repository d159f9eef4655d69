/** What the commands about serial lines get from main. */
import type { Clock } from '#base/clock.ts'
import type { TableSchema } from '#base/schema.ts'

/** A port of this machine. */
export interface SerialPortInfo {
  readonly device: string
  readonly path: string
  readonly driver: string | undefined
  readonly usb:
    | {
        readonly vendorId: string
        readonly productId: string
        readonly manufacturer?: string
        readonly product?: string
        readonly serialNumber?: string
      }
    | undefined
}

export interface SerialLineSettings {
  path: string
  baud: number
  dataBits: 5 | 6 | 7 | 8
  parity: 'none' | 'even' | 'odd'
  stopBits: 1 | 2
  rtsCts: boolean
}

export interface SerialPort {
  write(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** What a profile says, as far as commands look at it. */
export interface ProfileCore {
  readonly profile: { readonly title: string; readonly kind: string }
  readonly serial?: {
    readonly baud: number
    readonly data_bits: number
    readonly parity: 'none' | 'even' | 'odd'
    readonly stop_bits: number
    readonly framing: string
  }
  readonly vectors: readonly { readonly name: string; readonly values: { readonly [point: string]: string } }[]
}

export interface ReadValue {
  readonly point: string
  readonly text: string
  readonly good: boolean
}

/** A device acting as its profile says. */
export interface Simulation {
  start(): void
  stop(): void
  push(bytes: Uint8Array): void
}

/** Reads a device with its profile: bytes in, values out, requests to it. */
export interface ProbeSession {
  opened(): void
  push(bytes: Uint8Array): void
  stop(): void
}

export interface SerialParts {
  listPorts(): Promise<SerialPortInfo[]>
  openPort(settings: SerialLineSettings, events: { data(bytes: Uint8Array): void; lost(reason: string): void }): Promise<SerialPort>
  profileNames(): string[]
  profileSchema: TableSchema<ProfileCore>
  /** The values that a vector's bytes mean. @throws GatewayError */
  readVector(profile: ProfileCore, place: number): readonly ReadValue[]
  simulate(profile: ProfileCore, clock: Clock, send: (bytes: Uint8Array) => void): Simulation
  probe(profile: ProfileCore, clock: Clock, send: (bytes: Uint8Array) => Promise<void>, onValue: (value: ReadValue) => void): ProbeSession
  /** A pseudo-terminal; `onData` gets what its other side sends. @throws GatewayError `runtime-unfit` */
  openPty(onData: (bytes: Uint8Array) => void): { readonly path: string; write(bytes: Uint8Array): void; close(): void }
}
