/** What is wrong with a text that is no TOML, in words for whoever wrote it. */

import { quote } from '#base/schema.ts'
import type { Fault, KeyPath } from './fault.ts'
import { showKey } from './fault.ts'
import type { Locate } from './toml.ts'
import { parseTree, parseValue } from './toml.ts'
import type { TableNode } from './tree.ts'
import { nodeAt } from './tree.ts'

const SYNTAX_FAULTS_MAX = 20

/** The parser's messages that are not clear enough by themselves. Others are passed on in lower case. */
const PLAINER: { readonly [message: string]: string } = {
  'Unterminated string constant': 'a text is not closed: its second quote is missing',
  'Unterminated table-key': 'a table header is not closed: "]" is missing',
  'Unterminated array': 'a list is not closed: "]" is missing',
  'Unterminated inline table': 'an inline table is not closed: "}" is missing',
  'Empty bare keys are not allowed': 'a key is missing',
  'Must be a newline': 'only one key may stand on a line',
  'Expected equal (=) token': 'there is no "=" after the key',
  'Unspecified values are invalid': 'there is no value after "="',
  'Expected comma (,) token': 'a comma is missing between two values',
  'Unexpected token': 'this is not TOML',
  'Unexpected character': 'this character cannot stand here',
  'Leading zeros are not allowed': 'a number may not begin with 0',
  'Invalid character in escape sequence': '"\\" begins an escape sequence, and this is none',
}

/** Errors after which the rest of the text can no longer be told apart from the broken part. */
const RUNS_ON = /^Unterminated (string|array|inline)/

const DUPLICATE = 'Defining a key multiple times is invalid'

/** Positions where only lines and columns matter. */
const LINES: Locate = (line, column) => ({ from: 'file', file: '', line, column })

type Outcome = { readonly tree: TableNode; readonly faults: readonly Fault[] }

/**
 * Parses a whole file. On a syntax error the statement's line is left out and the rest is read again, so that all such
 * faults are reported at once; the tree is then incomplete and fit for nothing but finding positions.
 */
export function parseFile(text: string, locate: Locate): Outcome {
  const lines = text.split('\n')
  const faults: Fault[] = []
  while (faults.length < SYNTAX_FAULTS_MAX) {
    try {
      const tree = parseTree(lines.join('\n'), locate)
      return { tree, faults }
    } catch (error) {
      const broken = blame(syntaxErrorOf(error), lines)
      if (broken === undefined) {
        faults.push({ origin: locate(1, 1), key: '', message: 'cannot be read as TOML: values are nested too deeply' })
        break
      }
      const line = lines[broken.line - 1] ?? ''
      if (faults.length > 0 && line.trim() === '') break
      faults.push(describe(broken, lines, locate))
      if (RUNS_ON.test(broken.message)) break
      lines[broken.line - 1] = ''
      // Without its header a table's keys would seem to belong to the table before.
      if (/^\s*\[/.test(line)) blankUntilNextHeader(lines, broken.line)
    }
  }
  return { tree: parseTree('', locate), faults }
}

interface SyntaxFault {
  readonly message: string
  readonly line: number
  readonly column: number
}

function syntaxErrorOf(error: unknown): SyntaxFault | undefined {
  if (!(error instanceof SyntaxError)) return undefined
  const { lineNumber, column } = error as SyntaxError & { lineNumber?: unknown; column?: unknown }
  if (typeof lineNumber !== 'number' || typeof column !== 'number') return undefined
  return { message: error.message, line: lineNumber, column: column + 1 }
}

/**
 * The parser notices some errors only at the next line. If that one is right by itself and the one before it is not, the one
 * before is to blame, with its own error; or, within a list over several lines, the line that opens it.
 */
function blame(broken: SyntaxFault | undefined, lines: readonly string[]): SyntaxFault | undefined {
  if (broken === undefined || broken.message === DUPLICATE) return broken
  const line = Math.min(broken.line, lines.length)
  let before = lineAbove(lines, line, text => !/^\s*(#.*)?$/.test(text))
  const dangling = before > 0 && /=\s*(#.*)?$|^\s*\[[^\]]*$/.test(lines[before - 1])
  if (!dangling && errorAlone(lines[line - 1]) !== undefined) return reopened(broken, lines)
  if (before > 0 && /^\s*["'\d\]}{][^=]*$|^[^=[]*,\s*(#.*)?$/.test(lines[before - 1])) {
    before = lineAbove(lines, before, text => /^\s*[\w."'-]+\s*=\s*[[{]/.test(text))
  }
  const error = before > 0 ? errorAlone(lines[before - 1]) : undefined
  return error === undefined ? broken : reopened({ ...error, line: before }, lines)
}

function lineAbove(lines: readonly string[], from: number, wanted: (text: string) => boolean): number {
  let line = from - 1
  while (line > 0 && !wanted(lines[line - 1])) line--
  return line
}

/** Where a value is missing because a list or inline table goes on and on, says that it is not closed. */
function reopened(broken: SyntaxFault, lines: readonly string[]): SyntaxFault {
  if (broken.message !== 'Unspecified values are invalid') return broken
  const opener = /=\s*([[{])/.exec(lines[broken.line - 1] ?? '')?.[1]
  if (opener === undefined) return broken
  return { ...broken, message: opener === '[' ? 'Unterminated array' : 'Unterminated inline table' }
}

function errorAlone(line: string): SyntaxFault | undefined {
  try {
    parseTree(line, LINES)
    return undefined
  } catch (error) {
    return syntaxErrorOf(error)
  }
}

function blankUntilNextHeader(lines: string[], from: number): void {
  for (let index = from; index < lines.length && !/^\s*\[/.test(lines[index]); index++) lines[index] = ''
}

function describe(broken: SyntaxFault, lines: readonly string[], locate: Locate): Fault {
  if (broken.message === DUPLICATE) return describeDuplicate(broken, lines, locate)
  const line = lines[broken.line - 1] ?? ''
  const message = PLAINER[broken.message] ?? broken.message.charAt(0).toLowerCase() + broken.message.slice(1)
  const likely = likelyMistake(line)
  const origin = locate(broken.line, likely?.column ?? broken.column)
  return { origin, key: '', message: likely?.message ?? message, hint: likely?.hint }
}

interface Mistake {
  readonly message: string
  readonly hint: string
  readonly column?: number
}

/** The mistakes that people make who do not write TOML every day. */
function likelyMistake(line: string): Mistake | undefined {
  const odd = /[\u2018\u2019\u201c\u201d\u00ab\u00bb]/.exec(line)
  if (odd !== null) return { message: `${odd[0]} is not a quote of TOML`, hint: 'straight quotes: "…"', column: odd.index + 1 }
  if (/^\s*(\/\/|;)/.test(line)) return { message: 'this is not TOML', hint: 'a comment begins with "#"' }
  const colon = /^\s*([A-Za-z0-9_-]+)\s*:\s/.exec(line)
  if (colon !== null) return { message: 'there is no "=" after the key', hint: `${colon[1]} = …` }
  const word = /^(\s*[A-Za-z0-9_.-]+\s*=\s*)([^\s"'[{#][^#,\]}]*?)\s*(#.*)?$/.exec(line)
  if (word === null) return undefined
  const [, before, value] = word
  const column = before.length + 1
  if (/^(true|yes|on)$/i.test(value)) return { message: 'this is not TOML', hint: 'write true, in small letters', column }
  if (/^(false|no|off)$/i.test(value)) return { message: 'this is not TOML', hint: 'write false, in small letters', column }
  // Numbers and dates with a slip in them are better described by the parser.
  if (/^0\d+$|^\d+_|_$|^0[xob]|^\d{4}-|[="\\]/.test(value) || parseValue(value, LINES(1, 1)) !== undefined) return undefined
  return { message: 'text must stand in quotes', hint: quote(value), column }
}

/** A key or table that stands twice: says which one, and where it stood first. */
function describeDuplicate(broken: SyntaxFault, lines: readonly string[], locate: Locate): Fault {
  const origin = locate(broken.line, broken.column)
  const path = keyOnLine(lines, broken.line)
  const before = path && firstPlace(lines.slice(0, broken.line - 1), path)
  if (path === undefined || before === undefined)
    return { origin, key: '', message: 'this key stands here a second time', hint: 'keep one of the two' }
  return { origin, key: showKey(path), message: `stands here a second time, after line ${before}`, hint: 'keep one of the two' }
}

/** The full path of the key or header on a line, by reading that line alone under the header above it. */
function keyOnLine(lines: readonly string[], line: number): KeyPath | undefined {
  const statement = lines[line - 1] ?? ''
  const isHeader = /^\s*\[/.test(statement)
  let header = ''
  for (let index = line - 2; !isHeader && index >= 0 && header === ''; index--) {
    if (/^\s*\[[^[\]]+\]\s*(#.*)?$/.test(lines[index])) header = lines[index]
    else if (/^\s*\[\[/.test(lines[index])) return undefined
  }
  try {
    return lastPath(parseTree(`${header}\n${statement}`, LINES), [])
  } catch {
    return undefined
  }
}

function lastPath(table: TableNode, above: KeyPath): KeyPath {
  const last = [...table.entries].at(-1)
  if (last === undefined) return above
  const path = [...above, last[0]]
  return last[1].kind === 'table' && last[1].origin.from === 'file' ? lastPath(last[1], path) : path
}

function firstPlace(lines: readonly string[], path: KeyPath): number | undefined {
  try {
    const origin = nodeAt(parseTree(lines.join('\n'), LINES), path)?.keyOrigin
    return origin?.from === 'file' ? origin.line : undefined
  } catch {
    return undefined
  }
}
