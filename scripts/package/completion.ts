/** Bash completion of the `tidegate` command, from the table of its verbs. */
import { type Verb, verbs } from '#cli/index.ts'
import type { Positional } from '#cli/verb.ts'

/** What completes the value of an option or an argument, by what stands for it in help. */
function valueCompletion(placeholder: string): string {
  if (placeholder.includes('|')) return `_tidegate_words ${quoted(placeholder.replaceAll('|', ' '))}`
  if (['FILE', 'PATH'].includes(placeholder)) return '_tidegate_files'
  if (placeholder === 'DIR') return '_tidegate_folders'
  if (placeholder === 'CLIENT') return '_tidegate_clients'
  return ':'
}

/** An argument says in its summary which words it takes (`add, rm or ls`), if they are few. */
function argumentCompletion({ name, summary }: Positional): string {
  const words = summary.split(/, | or /)
  if (words.length > 1 && words.every(word => /^[a-z][a-z0-9-]*$/.test(word))) return `_tidegate_words ${quoted(words.join(' '))}`
  return name === 'PORT' ? '_tidegate_serial_ports' : valueCompletion(name)
}

/** The whole file, as it lies in /usr/share/bash-completion/completions/. */
export function bashCompletion(): string {
  const names = [...verbs.map(each => each.name), 'help']
  return `# bash completion for tidegate(1), made from its table of commands

_tidegate_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_tidegate_files() {
  compopt -o filenames 2> /dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

_tidegate_folders() {
  compopt -o filenames 2> /dev/null
  mapfile -t COMPREPLY < <(compgen -d -- "$cur")
}

_tidegate_serial_ports() {
  _tidegate_words "$(compgen -G '/dev/serial/by-id/*'; compgen -G '/dev/tidegate/*'; compgen -G '/dev/tty[A-Z]*[0-9]')"
}

# Asks the running gateway; without one, or with names that a shell would take apart, there is nothing to offer.
_tidegate_clients() {
  local ids
  ids=$(tidegate clients --json 2> /dev/null | sed -n 's/.*"client_id": "\\([A-Za-z0-9._-]*\\)".*/\\1/p')
  _tidegate_words "$ids"
}

_tidegate() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} verb='' place=0 word
  COMPREPLY=()
  # "--option=value" comes as three words.
  if [[ $cur == '=' ]]; then
    cur=''
  elif [[ $prev == '=' ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if ((COMP_CWORD == 1)); then
    _tidegate_words ${quoted([...names, '--help', '--version'].join(' '))}
    return
  fi
  verb=\${COMP_WORDS[1]}
  case $verb in
${verbs.map(verbCase).join('')}    help | --help | -h) [[ $COMP_CWORD -gt 2 ]] || _tidegate_words ${quoted(verbs.map(each => each.name).join(' '))} ;;
    --version | -V) _tidegate_words '--json' ;;
  esac
}

complete -F _tidegate tidegate
`
}

function verbCase({ name, options, positionals = [] }: Verb): string {
  const entries = Object.entries(options)
  const valued = entries.filter(([, option]) => option.placeholder !== undefined)
  const heads = (long: string, short: string | undefined) => [`--${long}`, ...(short === undefined ? [] : [`-${short}`])]
  const all = [...entries.map(([long]) => `--${long}`), '--help']
  const values = valued.map(
    ([long, option]) => `        ${heads(long, option.short).join(' | ')}) ${valueCompletion(option.placeholder!)} ;;\n`,
  )
  const takers = valued.flatMap(([long, option]) => heads(long, option.short))
  const places = positionals.map((each, index) => `            ${index}) ${argumentCompletion(each)} ;;\n`)
  const counting = `          for word in "\${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
            case $word in -* | '=') ;; *) [[ " ${takers.join(' ')} " == *" \${previous:-} "* ]] || ((place++)) ;; esac
            previous=$word
          done
          case $place in
${places.join('')}          esac
`
  return `    ${name})
      local previous=''
      case $prev in
${values.join('')}        *)
          if [[ $cur == -* ]]; then
            _tidegate_words ${quoted(all.join(' '))}
            return
          fi
${places.length === 0 ? '' : counting}          ;;
      esac
      ;;
`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
