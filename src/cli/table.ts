/** Aligned tables for a terminal. */

export interface Column<R> {
  readonly title: string
  /** Numbers stand at the right. */
  readonly right?: boolean
  readonly value: (row: R) => string | undefined
}

const GAP = '  '

/** The lines of a table with its heading. */
export function tableLines<R>(columns: readonly Column<R>[], rows: readonly R[]): string[] {
  const cells = rows.map(row => columns.map(column => printable(column.value(row) ?? '')))
  const titles = columns.map(column => column.title)
  const widths = titles.map((title, index) => cells.reduce((width, row) => Math.max(width, widthOf(row[index] as string)), title.length))
  return [titles, ...cells].map(row =>
    row
      .map((cell, index) => pad(cell, widths[index] as number, columns[index]?.right))
      .join(GAP)
      .trimEnd(),
  )
}

/** Lines of names and values, the values under each other. Undefined values are left out. */
export function pairLines(pairs: readonly (readonly [name: string, value: string | undefined])[]): string[] {
  const shown = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined)
  const width = shown.reduce((most, [name]) => Math.max(most, name.length), 0)
  return shown.map(([name, value]) => `${name.padEnd(width)}${GAP}${printable(value)}`.trimEnd())
}

function pad(cell: string, width: number, right = false): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(cell)))
  return right ? space + cell : cell + space
}

function widthOf(cell: string): number {
  return [...cell].length
}

/** Names come from devices: what would steer a terminal is shown instead of obeyed. */
export function printable(text: string): string {
  return text.replace(
    /[\0-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    each => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
