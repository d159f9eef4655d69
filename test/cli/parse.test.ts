import t from 'tap'
import { flag, text, texts, time, whole, word } from '#cli/option.ts'
import { parseWords } from '#cli/parse.ts'
import { runVerb } from '#cli/verbs/run.ts'

const options = {
  file: text('FILE', 'a file', { short: 'f' }),
  verbose: flag('more', { short: 'v' }),
  set: texts('KEY=VALUE', 'sets'),
  count: whole('N', 'how many', { short: 'C', min: 1, max: 10 }),
  mode: word(['fast', 'slow'], 'how'),
  wait: time('TIME', 'how long', { short: 'W' }),
}
const table = {
  options,
  positionals: [{ name: 'WHO', summary: 'who', required: true } as const, { name: 'WHAT', summary: 'what', required: false } as const],
}

const none = { file: undefined, verbose: false, set: [], count: undefined, mode: undefined, wait: undefined }

const right: [words: string[], values: object, positionals: string[]][] = [
  [['me'], none, ['me']],
  [['me', 'it'], none, ['me', 'it']],
  [['-f', 'x', 'me'], { ...none, file: 'x' }, ['me']],
  [['-fx', 'me'], { ...none, file: 'x' }, ['me']],
  [['--file=x', 'me'], { ...none, file: 'x' }, ['me']],
  [['--file=', 'me'], { ...none, file: '' }, ['me']],
  [['--file', '-5', 'me'], { ...none, file: '-5' }, ['me']],
  [['--file', '-', 'me'], { ...none, file: '-' }, ['me']],
  [['--file=-v', 'me'], { ...none, file: '-v' }, ['me']],
  [['-vC', '3', 'me'], { ...none, verbose: true, count: 3 }, ['me']],
  [['-v', '-v', 'me'], { ...none, verbose: true }, ['me']],
  [['--set', 'a=1', 'me', '--set', 'b=c=d'], { ...none, set: ['a=1', 'b=c=d'] }, ['me']],
  [['--mode', 'slow', 'me'], { ...none, mode: 'slow' }, ['me']],
  [['-W', '1.5', 'me'], { ...none, wait: 1_500 }, ['me']],
  [['-W', '2m', 'me'], { ...none, wait: 120_000 }, ['me']],
  [['--', '-v', '--file'], none, ['-v', '--file']],
]

for (const [words, values, positionals] of right) {
  t.test(`${words.join(' ')} is understood`, async t => {
    t.same(parseWords(words, table), { help: false, values, positionals })
  })
}

const wrong: [words: string[], message: RegExp, hint?: RegExp][] = [
  [[], /^WHO is missing$/],
  [['a', 'b', 'c'], /"c" is one word too many/],
  [['me', '--flie', 'x'], /no option --flie/, /did you mean --file\?/],
  [['me', '--zzzzzz'], /no option --zzzzzz/],
  [['me', '-x'], /no option -x/],
  [['me', '--constructor'], /no option --constructor/],
  [['me', '--file'], /--file wants a value: --file FILE/],
  [['me', '-f', '--verbose'], /-f wants a value/],
  [['me', '-f', '-v'], /-f wants a value/],
  [['me', '--verbose=yes'], /--verbose takes no value/],
  [['me', '-f', 'a', '--file', 'b'], /--file is given more than once/],
  [['me', '-C', '0'], /--count wants a whole number from 1 to 10, not "0"/],
  [['me', '-C', '11'], /--count wants/],
  [['me', '-C', '1e1'], /--count wants/],
  [['me', '-C', ''], /--count wants/],
  [['me', '--mode', 'slwo'], /--mode wants one of fast, slow/, /did you mean "slow"\?/],
  [['me', '-W', 'soon'], /--wait wants a time such as 30s/],
]

for (const [words, message, hint] of wrong) {
  t.test(`"${words.join(' ')}" is wrong usage`, async t => {
    t.throws(() => parseWords(words, table), { code: 'usage', message, ...(hint === undefined ? {} : { hint }) })
  })
}

t.test('help is asked for among anything else, even what is missing', async t => {
  for (const words of [['--help'], ['-h'], ['-v', '--help'], ['--help', 'a', 'b', 'c']]) t.equal(parseWords(words, table).help, true)
})

t.test('-h is help only where it is nothing else', async t => {
  const host = { options: { host: text('HOST', 'a host', { short: 'h' }) } }
  t.same(parseWords(['-h', 'x'], host), { help: false, values: { host: 'x' }, positionals: [] })
  t.equal(parseWords(['-h'], runVerb).help, true)
})
