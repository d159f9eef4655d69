import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { listPorts } from '#adapters/serial/index.ts'

/** A machine with a USB adapter, an ACM device, an on-board UART, a phantom port and a console. */
async function machine(root: string): Promise<void> {
  const usb = 'sys/devices/usb1/1-1'
  const files: Record<string, string> = {
    [`${usb}/idVendor`]: '0403\n',
    [`${usb}/idProduct`]: '6001\n',
    [`${usb}/manufacturer`]: 'FTDI\n',
    [`${usb}/product`]: 'FT232R USB UART\n',
    [`${usb}/serial`]: 'A10KZ3XY\n',
    [`${usb}/1-1:1.0/ttyUSB0/tty/ttyUSB0/dev`]: '188:0',
    'sys/devices/usb1/1-2/idVendor': '2341\n',
    'sys/devices/usb1/1-2/idProduct': '0043\n',
    'sys/devices/usb1/1-2/1-2:1.0/tty/ttyACM0/dev': '166:0',
    'sys/devices/platform/serial0/tty/ttyAMA0/type': '32\n',
    'sys/devices/platform/serial8250/tty/ttyS3/type': '0\n',
    'sys/devices/virtual/tty/tty0/dev': '4:0',
    'sys/bus/drivers/ftdi_sio/bind': '',
    'sys/bus/drivers/uart-pl011/bind': '',
  }
  for (const [file, text] of Object.entries(files)) {
    await mkdir(join(root, dirname(file)), { recursive: true })
    await writeFile(join(root, file), text)
  }
  const links: Record<string, string> = {
    'sys/class/tty/ttyUSB0': `../../devices/usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0`,
    'sys/class/tty/ttyACM0': '../../devices/usb1/1-2/1-2:1.0/tty/ttyACM0',
    'sys/class/tty/ttyAMA0': '../../devices/platform/serial0/tty/ttyAMA0',
    'sys/class/tty/ttyS3': '../../devices/platform/serial8250/tty/ttyS3',
    'sys/class/tty/tty0': '../../devices/virtual/tty/tty0',
    'sys/devices/usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0/device': '../../../ttyUSB0',
    'sys/devices/usb1/1-2/1-2:1.0/tty/ttyACM0/device': '../../../1-2:1.0',
    'sys/devices/platform/serial0/tty/ttyAMA0/device': '../../../serial0',
    'sys/devices/platform/serial8250/tty/ttyS3/device': '../../../serial8250',
    'sys/devices/usb1/1-1/1-1:1.0/ttyUSB0/driver': '../../../../../bus/drivers/ftdi_sio',
    'sys/devices/platform/serial0/driver': '../../../bus/drivers/uart-pl011',
    'dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A10KZ3XY-if00-port0': '../../ttyUSB0',
  }
  for (const [link, target] of Object.entries(links)) {
    await mkdir(join(root, dirname(link)), { recursive: true })
    await symlink(target, join(root, link))
  }
}

t.test('ports are listed with their stable names and what the makers wrote into them', async t => {
  const root = t.testdir()
  await machine(root)
  t.same(await listPorts(root), [
    { device: '/dev/ttyACM0', path: '/dev/ttyACM0', driver: undefined, usb: { vendorId: '2341', productId: '0043' } },
    { device: '/dev/ttyAMA0', path: '/dev/ttyAMA0', driver: 'uart-pl011', usb: undefined },
    {
      device: '/dev/ttyUSB0',
      path: '/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A10KZ3XY-if00-port0',
      driver: 'ftdi_sio',
      usb: { vendorId: '0403', productId: '6001', manufacturer: 'FTDI', product: 'FT232R USB UART', serialNumber: 'A10KZ3XY' },
    },
  ])
})

t.test('a machine without serial ports has none', async t => {
  t.same(await listPorts(t.testdir()), [])
  t.ok(Array.isArray(await listPorts()), 'and this machine can be asked')
})
