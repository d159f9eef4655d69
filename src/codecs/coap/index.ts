/** CoAP messages as bytes and values (`RFC 7252, 7641, 7959, 7967, 8132, 9175, 6690`). Pure. */
export { type Block, blockOption, blockSize, decodeBlock, szxFor } from './block.ts'
export { CODE, type CoapType, codeClass, formatCode, isRequestCode, METHOD, methodName, TYPE } from './codes.ts'
export { contentFormatOf, FORMAT, mediaType } from './content-formats.ts'
export { decodeMessage } from './decode.ts'
export { encodeAck, encodeEmpty, encodeMessage, encodeReset, restamp } from './encode.ts'
export { encodeLinks, filterLinks, type Link } from './link-format.ts'
export { type CoapFault, type CoapMessage, type CoapOption, type Decoded, NO_BYTES } from './message.ts'
export { decodeString, decodeUint, encodeUint, findOption, findOptions, findUint, stringOption, uintOption } from './option-values.ts'
export {
  isCritical,
  isNoCacheKey,
  isUnsafe,
  OPTION,
  OPTION_DEFINITIONS,
  type OptionDefinition,
  type OptionFormat,
  optionDefinition,
  optionName,
} from './options.ts'
export { pathOptions, percentDecode, queryOptions, splitQuery } from './uri.ts'
