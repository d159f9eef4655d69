import { flag, text, time, usage, whole, word } from '../option.ts'
import { EXIT, verb } from '../verb.ts'
import { listProfiles, listSerialPorts } from './serial-list.ts'
import { probePort } from './serial-probe.ts'
import { sniffPort } from './serial-sniff.ts'

export const serialVerb = verb({
  name: 'serial',
  group: 'control',
  summary: 'lists serial ports, shows what comes over a line, finds out what is at its end',
  description:
    'ls: the ports of this machine by their identity. sniff PORT: bytes as they come, with their times. probe PORT: tries speeds and profiles ' +
    'until something makes sense. profiles: the device profiles there are. A port that a running gateway uses is locked; stop it first.',
  positionals: [
    { name: 'ls|sniff|probe|profiles', summary: 'what to do', required: true },
    { name: 'PORT', summary: 'a port, as ls lists it', required: false },
  ],
  options: {
    baud: whole('BAUD', 'the speed of the line; probe tries only this one', { short: 'b', min: 50, max: 12_000_000 }),
    'data-bits': whole('N', 'bits of a character, 8 unless told', { min: 5, max: 8 }),
    parity: word(['none', 'even', 'odd'], 'parity bit, none unless told'),
    'stop-bits': whole('N', 'stop bits, 1 unless told', { min: 1, max: 2 }),
    hex: flag('sniff: bytes in hexadecimal digits alone', { short: 'x' }),
    profile: text('NAME', 'probe: tries only this profile'),
    unit: whole('N', 'probe: the address of a Modbus unit', { min: 1, max: 255 }),
    time: time('TIME', 'ends after this long; probe: the time for each try', { short: 't' }),
    json: flag('prints JSON'),
  },
  examples: [
    ['ls', 'lists the ports'],
    ['sniff /dev/ttyUSB0 -b 19200', 'shows what a device sends'],
    ['probe /dev/ttyUSB0 --profile sdm120', 'tries whether that meter is there, at its usual speeds'],
  ],
  async run(values, [what, port], context) {
    switch (what) {
      case 'ls':
        return listSerialPorts(values, context)
      case 'profiles':
        return listProfiles(values, context)
      case 'sniff':
      case 'probe':
        if (port === undefined) throw usage('PORT is missing', 'tidegate serial ls lists the ports')
        await (what === 'sniff' ? sniffPort(port, values, context) : probePort(port, values, context))
        return EXIT.done
      default:
        throw usage(`serial ${JSON.stringify(what)} is not known`, 'ls, sniff, probe or profiles')
    }
  },
})
