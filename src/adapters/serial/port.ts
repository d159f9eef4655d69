/** The serial port as the engine sees it, so that a test can put its own in its place. */

/** How a line is set. */
export interface LineSettings {
  /** A device file, or a link to one. */
  path: string
  baud: number
  dataBits: 5 | 6 | 7 | 8
  parity: 'none' | 'even' | 'odd'
  stopBits: 1 | 2
  rtsCts: boolean
  /** The RTS wire while something is sent, for RS-485 adapters that want it: its level, and pauses before and after. */
  rts?: { level: boolean; beforeMs: number; afterMs: number }
}

/** Where an open port's events go. Calls come synchronously and must not throw. */
export interface PortEvents {
  /** Bytes came. The array is used again after the call. */
  data(bytes: Uint8Array): void
  /** The port is gone: unplugged, or its far end went away. It is closed already or closing; nothing else is called afterwards. */
  lost(reason: string): void
}

/** An open port. */
export interface Port {
  /**
   * Sends bytes. Resolves once the system has taken all of them.
   * @throws GatewayError `connection-lost` if the port goes first, `quota-exceeded` if too much waits to be sent
   */
  write(bytes: Uint8Array): Promise<void>
  /** Stops reading; with flow control the device is held, without it bytes are lost before long. */
  pause(): void
  resume(): void
  /** Closes it; resolves once its descriptor is free. Safe to call twice. */
  close(): Promise<void>
}

export interface PortOpener {
  /** @throws GatewayError `port-unavailable`, `retryable`, with what the operator can do */
  open(settings: LineSettings, events: PortEvents): Promise<Port>
}

/** A port of this machine, as `listPorts` finds it. */
export interface PortInfo {
  /** The device file: `/dev/ttyUSB0`. */
  device: string
  /** Its stable name under `/dev/serial/by-id`, or the device file where there is none. */
  path: string
  /** The kernel's driver: `ftdi_sio`, `serial8250`, or undefined. */
  driver: string | undefined
  /** Of a USB adapter: what its maker wrote into it. */
  usb: { vendorId: string; productId: string; manufacturer?: string; product?: string; serialNumber?: string } | undefined
}
