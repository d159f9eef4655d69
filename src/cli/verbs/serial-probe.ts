/** `tidegate serial probe`: tries speeds and profiles on a port. */
import { GatewayError } from '#base/errors.ts'
import type { Context } from '../context.ts'
import { checkProfile, requireProfile } from '../profile.ts'
import type { ProfileCore, ReadValue, SerialLineSettings, SerialParts } from '../serial-parts.ts'
import { interruption, type LineChoice, lineSettings, withPort } from './serial-line.ts'

/** Speeds that are tried with a profile beside its own. */
const SPEEDS = [9600, 2400, 4800, 19_200, 38_400, 57_600, 115_200]
const TRY_MS = 1500
/** How long more values are waited for once there is one. */
const SETTLE_MS = 200
/** Values that are shown of a device that was found. */
const VALUES_MAX = 12

type Choice = LineChoice & { profile: string | undefined; unit: number | undefined; json: boolean }

interface Try {
  name: string
  profile: ProfileCore
  settings: SerialLineSettings
}

export async function probePort(port: string, choice: Choice, context: Context): Promise<void> {
  const parts = await context.parts.serial()
  const interrupted = interruption(context)
  let heard = 0
  for (const attempt of attemptsOf(port, choice, context, parts)) {
    const { settings, name } = attempt
    if (!choice.json)
      context.terminal.complain(
        `${name} at ${settings.baud} baud ${settings.dataBits}${settings.parity[0]!.toUpperCase()}${settings.stopBits}`,
      )
    const { values, bytes, why } = await tryOne(attempt, choice, context, parts, interrupted)
    heard += bytes
    if (why === 'interrupted') return
    if (typeof why === 'object') throw new GatewayError('connection-lost', `the port was lost: ${why.lost}`)
    if (values.size === 0) continue
    showFound(attempt, values, choice, context)
    return
  }
  throw new GatewayError('not-found', `no profile makes sense of what is at ${port}`, {
    hint: heard === 0 ? 'nothing came at all: check wiring, power, and A and B of RS-485' : 'bytes came: tidegate serial sniff shows them',
  })
}

function attemptsOf(port: string, choice: Choice, context: Context, parts: SerialParts): Try[] {
  const names = choice.profile === undefined ? parts.profileNames() : [choice.profile]
  const attempts: Try[] = []
  for (const name of names) {
    const found = choice.profile === undefined ? checkProfile(name, context, parts).profile : requireProfile(name, context, parts)
    const profile = withUnit(found, choice.unit)
    const serial = profile?.serial
    if (profile === undefined || serial === undefined) continue
    const usual = { baud: serial.baud, parity: serial.parity, dataBits: serial.data_bits as 8, stopBits: serial.stop_bits as 1 }
    const speeds =
      choice.baud !== undefined
        ? [choice.baud]
        : choice.profile === undefined
          ? [serial.baud]
          : [serial.baud, ...SPEEDS.filter(each => each !== serial.baud)]
    for (const baud of speeds) attempts.push({ name, profile, settings: lineSettings(port, { ...choice, baud }, usual) })
  }
  // Its own speed first; of all profiles the common speeds first.
  const rank = (baud: number) => (SPEEDS.includes(baud) ? SPEEDS.indexOf(baud) : SPEEDS.length)
  return choice.profile === undefined ? attempts.sort((left, right) => rank(left.settings.baud) - rank(right.settings.baud)) : attempts
}

function withUnit(profile: ProfileCore | undefined, unit: number | undefined): ProfileCore | undefined {
  if (profile?.serial === undefined || unit === undefined) return profile
  return { ...profile, serial: { ...profile.serial, unit } as ProfileCore['serial'] & object }
}

async function tryOne(
  { profile, settings }: Try,
  choice: Choice,
  context: Context,
  parts: SerialParts,
  interrupted: Promise<'interrupted'>,
) {
  const { clock } = context.parts
  const values = new Map<string, ReadValue>()
  let bytes = 0
  let session: ReturnType<SerialParts['probe']> | undefined
  const why = await withPort(
    settings,
    parts,
    interrupted,
    chunk => {
      bytes += chunk.length
      session?.push(chunk)
    },
    port =>
      new Promise(resolve => {
        let settling = false
        session = parts.probe(
          profile,
          clock,
          each => port.write(each),
          value => {
            if (value.good) values.set(value.point, value)
            // The rest of what belongs together follows at once.
            if (!value.good || settling) return
            settling = true
            clock.setTimer(SETTLE_MS, resolve)
          },
        )
        session.opened()
        clock.setTimer(choice.time ?? TRY_MS, resolve)
      }),
  )
  session?.stop()
  return { values, bytes, why }
}

function showFound({ name, profile, settings }: Try, values: ReadonlyMap<string, ReadValue>, choice: Choice, context: Context): void {
  const { baud, dataBits, parity, stopBits, path } = settings
  if (choice.json) {
    context.terminal.line(
      JSON.stringify({
        profile: name,
        port: path,
        baud,
        dataBits,
        parity,
        stopBits,
        values: Object.fromEntries([...values].map(([point, { text }]) => [point, text])),
      }),
    )
    return
  }
  context.terminal.line(`${profile.profile.title}, profile "${name}", at ${baud} baud:`)
  for (const [point, { text }] of [...values].slice(0, VALUES_MAX)) context.terminal.line(`  ${point} = ${text}`)
  context.terminal.line(
    `\n[serial.device]\nport = ${JSON.stringify(path)}\nprofile = "${name}"${baud === profile.serial?.baud ? '' : `\nbaud = ${baud}`}`,
  )
}
