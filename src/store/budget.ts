/** The byte budget of a store: spent above its maximum, and free again only well below, so that it does not flap. */

/** Below this share of the budget a full store takes writes again. */
const LOW = 0.95

export class Budget {
  readonly bytesMax: number
  usedBytes = 0
  spent = false

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** So many bytes are in use now. */
  keep(usedBytes: number): void {
    this.usedBytes = usedBytes
    this.spent = usedBytes > (this.spent ? this.bytesMax * LOW : this.bytesMax)
  }
}
