/** `tidegate serial ls` and `tidegate serial profiles`. */
import type { Context } from '../context.ts'
import { checkProfile } from '../profile.ts'
import type { SerialPortInfo } from '../serial-parts.ts'
import { tableLines } from '../table.ts'
import { EXIT } from '../verb.ts'

export async function listSerialPorts({ json }: { json: boolean }, context: Context): Promise<number> {
  const ports = await (await context.parts.serial()).listPorts()
  if (json) {
    context.terminal.line(JSON.stringify(ports))
    return EXIT.done
  }
  if (ports.length === 0) {
    context.terminal.complain('there is no serial port: plug the adapter in; in a container pass the device through')
    return EXIT.done
  }
  const columns = [
    { title: 'PORT', value: (port: SerialPortInfo) => port.path },
    { title: 'DEVICE', value: (port: SerialPortInfo) => (port.device === port.path ? '' : port.device) },
    { title: 'USB', value: ({ usb }: SerialPortInfo) => usb && `${usb.vendorId}:${usb.productId}` },
    { title: 'PRODUCT', value: ({ usb }: SerialPortInfo) => [usb?.manufacturer, usb?.product].filter(Boolean).join(' ') },
    { title: 'SERIAL', value: ({ usb }: SerialPortInfo) => usb?.serialNumber },
    { title: 'DRIVER', value: (port: SerialPortInfo) => port.driver },
  ]
  for (const line of tableLines(columns, ports)) context.terminal.line(line)
  return EXIT.done
}

export async function listProfiles({ json }: { json: boolean }, context: Context): Promise<number> {
  const parts = await context.parts.serial()
  const rows = parts.profileNames().map(name => {
    const { profile } = checkProfile(name, context, parts)
    return { name, title: profile?.profile.title ?? 'has faults: tidegate check --profile', kind: profile?.profile.kind ?? '' }
  })
  if (json) context.terminal.line(JSON.stringify(rows))
  else {
    const columns = (['name', 'kind', 'title'] as const).map(key => ({
      title: key.toUpperCase(),
      value: (row: (typeof rows)[number]) => row[key],
    }))
    for (const line of tableLines(columns, rows)) context.terminal.line(line)
  }
  return EXIT.done
}
