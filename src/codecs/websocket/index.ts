export { applyMask, CLOSE_CODES, closePayload, encodeFrame, headerLength, OPCODES, putHeader } from './frame.ts'
export { type FrameEvents, WebSocketReader } from './reader.ts'
export {
  answerUpgrade,
  HEAD_BYTES_MAX,
  headLength,
  refuse,
  type UpgradeOutcome,
  type UpgradeRules,
  upgradeFault,
  upgradeRequest,
} from './upgrade.ts'
