/**
 * Bounds what a pattern can cost, so that no line, however unlucky, holds up the gateway. A choice (to repeat
 * once more or go on, this alternative or that) is *settled* if the next character decides it: a settled choice
 * fails at once when taken wrongly. Unsettled choices multiply: inside a repetition without end, which is refused;
 * outside, with the length of the line for each, which then bounds the length.
 */
import { GatewayError } from '#base/errors.ts'
import { ALL_CHARS, type CharSet, type RegexNode } from './regex-syntax.ts'

/** Steps that the unluckiest line may cost: a few tenths of a second; what a pattern is meant for costs microseconds. */
const STEPS_MAX = 1e8
/** A pattern that can only be run on lines shorter than this is refused. */
const INPUT_MIN = 96
/** Repetitions up to this many count as a fixed factor, above as unbounded. */
const SMALL_REPEAT = 16

interface Cost {
  /** Unsettled choices whose number of ways grows with the line's length. */
  degree: number
  /** Product of the ways of all others. */
  factor: number
}

interface First {
  set: CharSet
  /** Can match nothing, so that what follows comes first. */
  nullable: boolean
}

/**
 * The longest line, in characters, that the pattern may be run on.
 * @throws GatewayError `config-invalid` if it can take exponential time, or is fit for very short lines only
 */
export function inputLengthMax(tree: RegexNode): number {
  const cost: Cost = { degree: startsAnchored(tree) ? 0 : 1, factor: 1 }
  // After the pattern anything may follow, and nothing of it can make the match fail.
  judge(tree, 0n, false, cost)
  if (cost.factor > STEPS_MAX) throw refused('has too many optional parts')
  // Each way costs up to the length of the line again.
  const length = Math.floor((STEPS_MAX / cost.factor) ** (1 / (cost.degree + 1)))
  if (length < INPUT_MIN) throw refused('repeats too many parts whose ends are not clear')
  return length
}

function refused(what: string): GatewayError {
  return new GatewayError('config-invalid', `pattern ${what}: it could hold up the gateway`, {
    hint: 'say what a repeated part may hold, for example [^,]* instead of .*, and begin the pattern with ^',
  })
}

function startsAnchored(node: RegexNode): boolean {
  if (node.kind === 'assertion') return node.start
  if (node.kind === 'sequence') return node.parts.length > 0 && startsAnchored(node.parts[0]!)
  return node.kind === 'alternatives' && node.options.every(startsAnchored)
}

function first(node: RegexNode): First {
  switch (node.kind) {
    case 'chars':
      return { set: node.set, nullable: false }
    case 'assertion':
      return { set: 0n, nullable: true }
    case 'look':
      return { set: 0n, nullable: true }
    case 'repeat': {
      const body = first(node.body)
      return { set: body.set, nullable: node.min === 0 || body.nullable }
    }
    case 'alternatives': {
      const options = node.options.map(first)
      return { set: options.reduce((set, option) => set | option.set, 0n), nullable: options.some(option => option.nullable) }
    }
    case 'sequence': {
      let set: CharSet = 0n
      for (const part of node.parts) {
        const own = first(part)
        set |= own.set
        if (!own.nullable) return { set, nullable: false }
      }
      return { set, nullable: true }
    }
  }
}

/** Adds up the cost of a node that is followed by one of `follow`; `repeated`: it is part of a repetition. */
function judge(node: RegexNode, follow: CharSet, repeated: boolean, cost: Cost): void {
  switch (node.kind) {
    case 'chars':
    case 'assertion':
      return
    case 'look':
      judge(node.body, ALL_CHARS, repeated, cost)
      return
    case 'sequence':
      judgeSequence(node.parts, follow, repeated, cost)
      return
    case 'alternatives':
      judgeAlternatives(node.options, follow, repeated, cost)
      return
    case 'repeat':
      judgeRepeat(node, follow, repeated, cost)
  }
}

function judgeSequence(parts: readonly RegexNode[], follow: CharSet, repeated: boolean, cost: Cost): void {
  let after = follow
  for (let i = parts.length - 1; i >= 0; i--) {
    const part = parts[i]!
    judge(part, after, repeated, cost)
    const own = first(part)
    after = own.nullable ? after | own.set : own.set
  }
}

function judgeAlternatives(options: readonly RegexNode[], follow: CharSet, repeated: boolean, cost: Cost): void {
  let seen: CharSet = 0n
  let settled = true
  for (const option of options) {
    const own = first(option)
    const set = own.nullable ? own.set | follow : own.set
    if ((seen & set) !== 0n) settled = false
    seen |= set
    judge(option, follow, repeated, cost)
  }
  if (settled) return
  if (repeated) throw refused('repeats alternatives that begin alike')
  cost.factor *= options.length
}

function judgeRepeat(node: RegexNode & { kind: 'repeat' }, follow: CharSet, repeated: boolean, cost: Cost): void {
  const { body, min, max } = node
  if (max === 0) return
  const own = first(body)
  const again = max > 1
  judge(body, again ? follow | own.set : follow, repeated || again, cost)
  if (again && own.nullable) throw refused('repeats a part that can be empty')
  if (min === max || (own.set & follow) === 0n) return
  if (repeated) throw refused('repeats a part that holds a repetition whose end is not clear')
  if (max > SMALL_REPEAT) cost.degree++
  else cost.factor *= max - min + 1
}
