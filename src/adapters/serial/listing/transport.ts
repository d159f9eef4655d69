import { readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { PortInfo } from '../port.ts'

/** Ports that are looked at; a machine with more has something else in these folders. */
const PORTS_MAX = 1024
/** From a port's device folder up to the USB device that it belongs to. */
const USB_LEVELS_MAX = 4

/**
 * The serial ports of this machine, from `/sys/class/tty` and `/dev/serial/by-id`; no other program is asked.
 * Consoles and ports without hardware are left out. Another root serves tests.
 */
export async function listPorts(root = '/'): Promise<PortInfo[]> {
  const names = (await entries(join(root, 'sys/class/tty'))).slice(0, PORTS_MAX)
  const stable = await stableNames(join(root, 'dev/serial/by-id'))
  const ports: PortInfo[] = []
  for (const name of names) {
    const port = await describePort(root, name, stable)
    if (port !== undefined) ports.push(port)
  }
  return ports
}

async function describePort(root: string, name: string, stable: ReadonlyMap<string, string>): Promise<PortInfo | undefined> {
  const entry = join(root, 'sys/class/tty', name)
  const hardware = await resolved(join(entry, 'device'))
  if (hardware === undefined) return undefined
  // Type 0 is a port that the driver keeps for hardware that is not there.
  if ((await text(join(entry, 'type'))) === '0') return undefined
  const driverLink = await readlink(join(hardware, 'driver')).catch(() => undefined)
  const device = join('/dev', name)
  return {
    device,
    path: stable.get(name) ?? device,
    driver: driverLink === undefined ? undefined : basename(driverLink),
    usb: await usbIdentity(hardware),
  }
}

/** Device names (`ttyUSB0`) and the link that always leads to that adapter. */
async function stableNames(folder: string): Promise<Map<string, string>> {
  const names = new Map<string, string>()
  for (const link of (await entries(folder)).slice(0, PORTS_MAX)) {
    const target = await readlink(join(folder, link)).catch(() => undefined)
    if (target !== undefined) names.set(basename(target), join('/dev/serial/by-id', link))
  }
  return names
}

async function usbIdentity(hardware: string): Promise<PortInfo['usb']> {
  let folder = hardware
  for (let level = 0; level < USB_LEVELS_MAX; level++, folder = dirname(folder)) {
    const vendorId = await text(join(folder, 'idVendor'))
    const productId = await text(join(folder, 'idProduct'))
    if (vendorId === undefined || productId === undefined) continue
    const [manufacturer, product, serialNumber] = await Promise.all(
      ['manufacturer', 'product', 'serial'].map(file => text(join(folder, file))),
    )
    return {
      vendorId,
      productId,
      ...(manufacturer && { manufacturer }),
      ...(product && { product }),
      ...(serialNumber && { serialNumber }),
    }
  }
  return undefined
}

async function entries(folder: string): Promise<string[]> {
  return (await readdir(folder).catch((): string[] => [])).sort()
}

async function resolved(path: string): Promise<string | undefined> {
  return await realpath(path).catch(() => undefined)
}

async function text(path: string): Promise<string | undefined> {
  return (await readFile(path, 'utf8').catch(() => undefined))?.trim()
}
