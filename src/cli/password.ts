/** A password comes from a prompt without echo, or as the first line of standard input; never from the command line. */
import { StringDecoder } from 'node:string_decoder'
import { GatewayError } from '#base/errors.ts'
import type { Context } from './context.ts'
import { linesOf } from './lines.ts'
import { flag, usage } from './option.ts'

const LINE_BYTES_MAX = 4096

export const passwordOption = flag('reads the password from the first line of standard input')

/**
 * Asks for a new password, twice at a prompt.
 * @throws GatewayError `usage` without a terminal, `bad-request` for none or two that differ
 */
export async function newPassword(fromStdin: boolean, context: Context): Promise<string> {
  const { stdin } = context
  if (fromStdin) return nonEmpty(await firstLine(context))
  if (stdin.isTTY !== true) throw usage('there is no terminal to ask for the password', 'give it with --password-stdin')
  const password = nonEmpty(await ask('Password: ', context))
  if ((await ask('Again: ', context)) !== password) throw new GatewayError('bad-request', 'the two passwords differ')
  return password
}

function nonEmpty(password: string): string {
  if (password === '') throw new GatewayError('bad-request', 'the password is empty')
  return password
}

async function firstLine({ stdin }: Context): Promise<string> {
  for await (const line of linesOf(stdin, LINE_BYTES_MAX)) {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line).replace(/\r$/, '')
    } catch {
      throw new GatewayError('bad-request', 'the password is not text in UTF-8')
    }
  }
  return ''
}

/** Keys that mean something while a password is typed. */
const ENTER = /[\r\n]/
const INTERRUPT = '\u0003'
const END = '\u0004'
const ERASE = /[\b\u007f]/
const ERASE_ALL = '\u0015'

function ask(prompt: string, { stdin, terminal }: Context): Promise<string> {
  terminal.prompt(prompt)
  stdin.setRawMode?.(true)
  const decoder = new StringDecoder('utf8')
  let typed: string[] = []
  return new Promise<string>((resolve, reject) => {
    function finish(done: () => void): void {
      stdin.off('data', take)
      stdin.off('end', interrupted)
      stdin.setRawMode?.(false)
      stdin.pause()
      terminal.complain('')
      done()
    }
    const interrupted = () => finish(() => reject(new GatewayError('bad-request', 'interrupted')))
    function take(chunk: Buffer | string): void {
      for (const key of decoder.write(Buffer.from(chunk))) {
        if (ENTER.test(key) || key === END) return finish(() => resolve(typed.join('')))
        if (key === INTERRUPT) return interrupted()
        if (ERASE.test(key)) typed.pop()
        else if (key === ERASE_ALL) typed = []
        else typed.push(key)
      }
    }
    stdin.on('data', take)
    stdin.on('end', interrupted)
    stdin.resume()
  })
}
