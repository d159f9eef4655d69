import {
  BlockDeframer,
  type BlockOptions,
  CobsDeframer,
  type Deframer,
  DsmrDeframer,
  encodeText,
  type FrameHandler,
  LineDeframer,
  NmeaDeframer,
  SlipDeframer,
  VeDirectDeframer,
} from '#codecs/framing/index.ts'
import type { SpeechConfig } from './config-keys.ts'
import { RawDeframer } from './raw-deframer.ts'

/**
 * The deframer that a configuration asks for; Modbus has none, its master takes answers apart itself.
 * @throws GatewayError `config-invalid`
 */
export function deframerOf(config: SpeechConfig, onFrame: FrameHandler): Deframer {
  const { max_length: lengthMax, check, check_optional: checkOptional, idle_flush: idleMs } = config
  const stuffed = { lengthMax, check, ...(config.check_order && { checkOrder: config.check_order }) }
  switch (config.framing) {
    case 'lines': {
      const delimiter = encodeText(config.delimiter, config.encoding)
      return new LineDeframer({ delimiter, lengthMax, idleMs, skipFirst: config.skip_first }, onFrame)
    }
    case 'fixed':
    case 'length-prefix':
      return new BlockDeframer(blockOptions(config), onFrame)
    case 'slip':
      return new SlipDeframer(stuffed, onFrame)
    case 'cobs':
      return new CobsDeframer(stuffed, onFrame)
    case 'nmea':
      return new NmeaDeframer({ lengthMax, checkOptional }, onFrame)
    case 'dsmr':
      return new DsmrDeframer({ lengthMax, checkOptional }, onFrame)
    case 've-direct':
      return new VeDirectDeframer({ lengthMax }, onFrame)
    default:
      return new RawDeframer({ lengthMax, idleMs }, onFrame)
  }
}

/** How `fixed` and `length-prefix` frames are made. */
export function blockOptions(config: SpeechConfig): BlockOptions {
  const { framing, frame_length = 1 } = config
  const size = config.length_size === 4 ? 4 : config.length_size === 2 ? 2 : 1
  return {
    start: Buffer.from(config.frame_start.replaceAll(' ', ''), 'hex'),
    end: Buffer.from(config.frame_end.replaceAll(' ', ''), 'hex'),
    length: framing === 'fixed' ? frame_length : { at: config.length_at, size, order: config.length_order, adds: config.length_adds },
    lengthMax: Math.min(Math.max(config.max_length, framing === 'fixed' ? frame_length : 1), 65_536),
    check: config.check,
    checkFrom: config.check_from,
    idleMs: config.idle_flush,
    ...(config.check_order && { checkOrder: config.check_order }),
  }
}
