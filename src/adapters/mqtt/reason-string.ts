const LENGTH_MAX = 256

/** An explanation as a Reason String (`MQTT 5 §3.2.2.3.9`): it may quote what the peer sent, so it is cut and made plain text. */
export function reasonStringOf(explanation: string): string {
  return explanation
    .slice(0, LENGTH_MAX)
    .toWellFormed()
    .replace(/[\0-\x1f\x7f-\x9f]/g, '\ufffd')
}
