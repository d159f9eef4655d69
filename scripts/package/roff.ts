/** Text in the language of manual pages: man(7). */

/** Text as it stands, not read as a request or an escape. `-` stays what one types. */
export function plain(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1')
}

/** An argument of a request: in quotes, so that it may have spaces. */
export function argument(text: string): string {
  return `"${plain(text).replaceAll('"', '\\(dq')}"`
}

export function bold(text: string): string {
  return `\\fB${plain(text)}\\fR`
}

export function italic(text: string): string {
  return `\\fI${plain(text)}\\fR`
}

export interface PageTitle {
  name: string
  section: number
  /** Seconds since 1970. */
  epoch: number
  version: string
  manual: string
  /** What it is, for `whatis`. */
  summary: string
}

/** The beginning of a page up to its NAME section. */
export function opening({ name, section, epoch, version, manual, summary }: PageTitle): string {
  const date = new Date(epoch * 1000).toISOString().slice(0, 10)
  const title = [name.toUpperCase(), String(section), date, `tidegate ${version}`, manual].map(argument).join(' ')
  // Without hyphenation or filling to the right margin a name can be found and copied.
  return `.TH ${title}\n.nr HY 0\n.nh\n.ad l\n.SH NAME\n${plain(name)} \\- ${plain(summary)}\n`
}

export function section(title: string): string {
  return `.SH ${argument(title.toUpperCase())}\n`
}

export function subsection(title: string): string {
  return `.SS ${argument(title)}\n`
}

export function paragraph(markup: string): string {
  return `.PP\n${markup}\n`
}

/** A term, as markup, and under it its explanation. */
export function definition(term: string, explanation: string): string {
  return `.TP\n${term}\n${explanation === '' ? '\\&' : explanation}\n`
}

/** Lines as they are. */
export function example(text: string): string {
  return `.PP\n.in +4n\n.EX\n${plain(text)}\n.EE\n.in\n`
}
