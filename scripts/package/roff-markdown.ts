/** The Markdown of the configuration reference as a manual page: headings, paragraphs, lists, tables, code. Nothing else is in it. */
import { bold, definition, example, italic, paragraph, plain, section, subsection } from './roff.ts'

/** @throws when a block is none of those that the reference is made of */
export function markdownAsRoff(markdown: string): string {
  return blocksOf(markdown).map(blockAsRoff).join('')
}

/** Blocks are apart by empty lines, but for code. */
function blocksOf(markdown: string): string[] {
  const blocks: string[] = []
  let block: string[] = []
  let isCode = false
  for (const line of [...markdown.split('\n'), '']) {
    if (line.startsWith('```')) isCode = !isCode
    if (line === '' && !isCode) {
      if (block.length > 0) blocks.push(block.join('\n'))
      block = []
    } else block.push(line)
  }
  return blocks
}

function blockAsRoff(block: string): string {
  if (block.startsWith('## ')) {
    // The list of tables is for a page that one clicks in.
    return block === '## Tables' ? section('Tables') : section(block.slice(3))
  }
  if (block.startsWith('### ')) return subsection(block.slice(4).replaceAll('`', ''))
  if (block.startsWith('```')) return example(block.split('\n').slice(1, -1).join('\n'))
  if (block.startsWith('| ')) return tableAsRoff(block)
  if (block.startsWith('- [')) return ''
  if (block.startsWith('- '))
    return block
      .split(/\n(?=- )/)
      .map(item => definition('\\(bu', inline(item.slice(2))))
      .join('')
  if (/^[#>]/.test(block)) throw new Error(`no way to show this in a manual page: ${block}`)
  return paragraph(inline(block))
}

/** Each row a definition; what its columns say is told by their headings. */
function tableAsRoff(block: string): string {
  const [head, , ...rows] = block.split('\n').map(cellsOf)
  return rows
    .map(([term = '', ...cells]) => {
      const names = head!.slice(1)
      const meaning = cells.at(-1) ?? ''
      const facts = cells.slice(0, -1).flatMap((cell, index) => (cell === '' ? [] : [factOf(names[index]!, cell)]))
      const factText = facts.length === 0 ? '' : `(${facts.join('; ')})`
      return definition(bold(term.replaceAll('`', '')), [inline(meaning), factText].filter(part => part !== '').join('\n'))
    })
    .join('')
}

function factOf(name: string, cell: string): string {
  if (name === 'default') return cell === 'required' ? 'required' : `default: ${inline(cell)}`
  return name === 'type' ? italic(cell) : inline(cell)
}

function cellsOf(row: string): string[] {
  return row
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map(cell => cell.trim().replaceAll('\\|', '|'))
}

/** Code is bold, a link is its text with the address behind it. */
function inline(text: string): string {
  const joined = text.replaceAll(/\n\s*/g, ' ').replaceAll(/\[([^\]`]+)\]\((https?:[^)]+)\)/g, '$1 ($2)')
  return joined
    .split(/(`[^`]+`)/)
    .map(part => (/^`.+`$/.test(part) ? bold(part.slice(1, -1)) : plain(part)))
    .join('')
}
