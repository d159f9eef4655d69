/**
 * A notation for packets that reads like the specification's figures. `wire('30 [ "a/b" [ 01 01 ] \'hi\' ]')`: hex
 * bytes; `"…"` a string with its two-byte length; `'…'` raw text; `[ … ]` a group with its length before it as a
 * variable byte integer, which serves for the remaining length and the property length.
 */
export function wire(text: string): Buffer {
  const tokens = text.match(/"[^"]*"|'[^']*'|\[|\]|[0-9a-fA-F]+/g) ?? []
  const groups: Buffer[][] = [[]]
  for (const token of tokens) {
    if (token === '[') groups.push([])
    else if (token === ']') {
      const group = Buffer.concat(groups.pop()!)
      groups.at(-1)!.push(varint(group.length), group)
    } else groups.at(-1)!.push(literal(token))
  }
  if (groups.length !== 1) throw new Error(`unbalanced brackets: ${text}`)
  return Buffer.concat(groups[0])
}

function literal(token: string): Buffer {
  if (token.startsWith("'")) return Buffer.from(token.slice(1, -1))
  if (!token.startsWith('"')) return Buffer.from(token, 'hex')
  const value = Buffer.from(token.slice(1, -1))
  return Buffer.concat([Buffer.from([value.length >> 8, value.length & 255]), value])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    bytes.push(rest > 0 ? low + 128 : low)
  } while (rest > 0)
  return Buffer.from(bytes)
}
