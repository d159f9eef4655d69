/** The manual pages: tidegate(1) from the command line's own tables, tidegate.toml(5) from the reference of the schemas. */
import { usageLine, VERB_GROUPS } from '#cli/help.ts'
import { type Verb, verbs } from '#cli/index.ts'
import { bold, definition, example, italic, opening, paragraph, plain, section, subsection } from './roff.ts'
import { markdownAsRoff } from './roff-markdown.ts'

export interface ManualOptions {
  version: string
  /** Seconds since 1970: the date on the page. */
  epoch: number
}

/** tidegate(1). */
export function commandPage({ version, epoch }: ManualOptions): string {
  const summary = 'edge gateway: MQTT broker with durable sessions, device adapters, store-and-forward bridges'
  return [
    opening({ name: 'tidegate', section: 1, epoch, version, manual: 'tidegate', summary }),
    section('Synopsis'),
    paragraph(`${bold('tidegate')} ${italic('VERB')} [${italic('OPTIONS')}]`),
    paragraph(`${bold('tidegate')} [${italic('VERB')}] ${bold('--help')}`),
    paragraph(`${bold('tidegate')} ${bold('--version')} [${bold('--json')}]`),
    section('Description'),
    paragraph(plain(DESCRIPTION)),
    ...VERB_GROUPS.flatMap(([group, title]) => {
      const members = verbs.filter(each => each.group === group)
      return members.length === 0 ? [] : [section(title), ...members.map(verbText)]
    }),
    section('Files'),
    ...FILES.map(([file, text]) => definition(italic(file), plain(text))),
    section('Environment'),
    ...ENVIRONMENT.map(([name, text]) => definition(bold(name), plain(text))),
    section('Signals'),
    definition(bold('SIGHUP'), plain('The running gateway loads its configuration again; if that is wrong, the one in force stays.')),
    definition(bold('SIGTERM'), plain('The gateway stops within 5 s: it takes nobody new, says goodbye, and commits what is left.')),
    section('Exit status'),
    definition(bold('0'), 'Done.'),
    definition(bold('1'), 'It failed; one line on standard error says why.'),
    definition(bold('2'), 'Wrong usage.'),
    section('See also'),
    paragraph(`${bold('tidegate.toml')}(5), ${bold('systemctl')}(1), ${bold('journalctl')}(1)`),
  ].join('')
}

/** tidegate.toml(5), from the generated reference in Markdown. */
export function configPage(reference: string, { version, epoch }: ManualOptions): string {
  const summary = 'configuration of the tidegate edge gateway'
  return [
    opening({ name: 'tidegate.toml', section: 5, epoch, version, manual: 'tidegate', summary }),
    section('Description'),
    markdownAsRoff(withoutHead(reference)),
    section('See also'),
    paragraph(`${bold('tidegate')}(1)`),
  ].join('')
}

const DESCRIPTION =
  'Devices of a site speak MQTT, CoAP or a serial line to tidegate; cloud brokers stand behind a link that comes and goes. ' +
  'Between them it keeps every message that it has acknowledged, on disk and in order, until the other side has it. ' +
  'Commands that ask the running gateway find it by --socket, --data-dir or -c, else by the environment, else in ' +
  './tidegate-data, else as the service. They need the rights of its group, tidegate.'

const FILES = [
  ['/etc/tidegate/tidegate.toml', 'The configuration of the service.'],
  ['/var/lib/tidegate', 'What the service stores: sessions, queues, retained messages, users.'],
  ['/run/tidegate/tidegate.sock', 'The control socket of the service. Whoever may open it has full rights.'],
  ['./tidegate-data', 'What a gateway stores that was started without a configuration.'],
] as const

const ENVIRONMENT = [
  ['TIDEGATE_TABLE__KEY', 'Overrides a key of the configuration: TIDEGATE_LISTENERS__LOCAL__BIND=127.0.0.1:2883.'],
  ['NO_COLOR', 'If not empty, the log is not coloured.'],
] as const

function verbText(verb: Verb): string {
  const { name, summary, description, positionals = [], options, examples = [] } = verb
  const shown = Object.entries(options).map(([long, option]) => {
    const { short, placeholder, repeatable } = option
    const heads = [short === undefined ? '' : bold(`-${short}`), bold(`--${long}`)].filter(head => head !== '').join(', ')
    const more = repeatable ? '; may be repeated' : ''
    return definition(placeholder === undefined ? heads : `${heads} ${italic(placeholder)}`, plain(sentence(`${option.summary}${more}`)))
  })
  return [
    subsection(usageLine(verb)),
    paragraph(plain(sentence(summary))),
    description === undefined ? '' : paragraph(plain(description)),
    ...positionals.map(each => definition(italic(each.name), plain(sentence(each.summary)))),
    ...shown,
    ...examples.map(([line, does]) => paragraph(plain(`${sentence(does).slice(0, -1)}:`)) + example(`tidegate ${name} ${line}`.trimEnd())),
  ].join('')
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`
}

/** The page's own title, and that it is generated. */
function withoutHead(reference: string): string {
  return reference.slice(reference.indexOf('\n\n', reference.indexOf('do not edit it')) + 2)
}
