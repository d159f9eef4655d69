/** A device profile: one file of `firmware-profiles/devices`, described in `firmware-profiles/README.md`. */
import { boolean, duration, enumeration, type Infer, integer, list, map, number, readOk, scalar, string, table } from '#base/schema.ts'
import { checkSpeech } from '../config-check.ts'
import { speechKeys } from '../config-keys.ts'

const TEXT = { pattern: /^[\s\S]{1,4096}$/, patternText: 'text, control characters included' }
const HEX = { pattern: /^([0-9A-Fa-f]{2}\s*){1,2048}$/, patternText: 'pairs of hexadecimal digits' }

const source = table(
  {
    document: string({ description: 'The document or project that the facts come from, with its version.', required: true }),
    facts: string({ description: 'What was taken from it.', required: true }),
  },
  { description: 'Where facts of the profile come from.' },
)

const about = table(
  {
    title: string({ description: 'Maker and model as people say it.', required: true }),
    maker: string({ description: 'The maker.', required: true }),
    model: string({ description: 'The model, or the models that speak alike.', required: true }),
    kind: string({ description: 'What it is, in a word or two.', required: true, example: 'energy meter' }),
    firmware: string({ description: 'The firmware, or the version of the protocol, for which the profile holds.', default: 'any' }),
    notes: string({ description: 'What an installer must know: addresses, switches, wiring.', ...TEXT }),
    sources: list(source, { description: 'Where the facts come from.', min: 1, max: 32 }),
  },
  { description: 'The device.' },
)

/** A value of a vector, in the text in which it would be published. */
const shown = scalar(
  {
    typeName: 'value',
    textual: false,
    json: { type: ['string', 'number', 'boolean'] },
    read: written => readOk(String(written.value)),
  },
  { description: 'The value as it is published.' },
)

const vector = table(
  {
    name: string({ description: 'What it shows.', required: true }),
    from: enumeration(['document', 'capture', 'computed'], {
      description: 'Whether the bytes stand in a source, were captured from a device, or were computed from the documented format.',
      required: true,
    }),
    request: string({ description: 'The bytes that are sent, in hexadecimal digits.', ...HEX }),
    request_text: string({ description: 'The same as text.', ...TEXT }),
    response: string({ description: 'The bytes that come, in hexadecimal digits.', ...HEX }),
    response_text: string({ description: 'The same as text.', ...TEXT }),
    values: map(shown, {
      description: 'The values that they mean, by point.',
      names: /^[^\0-\x1f]{1,128}$/,
      namesText: 'the name of a point',
      max: 1024,
    }),
  },
  { description: 'Bytes and what they mean.' },
)

const range = table(
  {
    min: number({ description: 'The lowest value.', default: 0 }),
    max: number({ description: 'The highest value.', default: 100 }),
    rises: boolean({ description: 'It only rises, as a counter does.', default: false }),
  },
  { description: 'Between what a simulated value moves.' },
)

const simulate = table(
  {
    interval: duration({ description: 'How often a device that speaks by itself does.', default: '1s', min: '10ms', max: '1h' }),
    lines: list(string({ description: 'A line or telegram.', ...TEXT }), {
      description: `Text that it sends in turn, without check: \`\${point}\` is the value, \`\${point:7.2}\` with width and decimals, \`\${point:07.2}\` with zeros in front.`,
      max: 64,
    }),
    answers: list(
      table(
        {
          request: string({ description: 'The text that is answered.', ...TEXT }),
          request_hex: string({ description: 'The bytes that are answered.', ...HEX }),
          answer: string({ description: 'The text that it answers, with places as in `lines`.', ...TEXT }),
        },
        { description: 'A question and its answer; without `answer` the frame of the first vector, with values in it.' },
      ),
      { description: 'What a device that is asked answers.', max: 64 },
    ),
    values: map(range, {
      description: 'Moving values by point.',
      names: /^[^\0-\x1f]{1,128}$/,
      namesText: 'the name of a point',
      max: 1024,
    }),
  },
  { description: 'How `tidegate simulate serial` acts as the device.' },
)

const resource = table(
  {
    point: string({ description: 'The last level of the topic.', required: true }),
    format: enumeration(['text', 'json', 'cbor', 'senml-json', 'senml-cbor', 'tlv', 'octets'], {
      description: 'How its value is written.',
      default: 'text',
    }),
    from: string({ description: 'Where the value stands in it: a path with dots.' }),
    type: enumeration(['auto', 'number', 'integer', 'text', 'boolean'], { description: 'What the value is.', default: 'auto' }),
    scale: number({ description: 'What a number is multiplied with.', default: 1 }),
    unit: string({ description: 'The unit.', maxLength: 32 }),
    observe: boolean({ description: 'It tells changes by itself.', default: true }),
    interval: duration({ description: 'How often it is read where it cannot be observed.', default: '1m' }),
    write: boolean({ description: 'It can be written.', default: false }),
  },
  { description: 'A resource of the device.' },
)

const resources = map(resource, {
  description: 'Resources by their path.',
  names: /^\/[^\0-\x20]{0,255}$/,
  namesText: 'a path that begins with "/"',
  max: 1024,
})

const image = table(
  {
    version: string({ description: 'The version that it brings.', required: true }),
    file: string({ description: 'Its file, beside the profile.', required: true }),
    sha256: string({ description: 'Its digest.', pattern: /^[0-9a-f]{64}$/, patternText: '64 hexadecimal digits' }),
    delivery: enumeration(['push', 'pull'], { description: 'Written into the device, or fetched by it.', default: 'push' }),
    from: list(string({ description: 'A version.' }), { description: 'Versions from which it can be reached; none: all.', max: 64 }),
  },
  { description: 'A firmware image for the device.' },
)

/** The whole of a profile's file. */
export const profileSchema = table(
  {
    profile: about,
    serial: table(speechKeys, {
      description: 'How it speaks on a serial line: keys of `[serial.NAME]`.',
      optional: true,
      check: speech => checkSpeech(speech),
    }),
    coap: table(
      {
        port: integer({ description: 'Its UDP port.', default: 5683, min: 1, max: 65_535 }),
        resources,
      },
      { description: 'A device that is a CoAP server.', optional: true },
    ),
    lwm2m: table(
      {
        version: enumeration(['1.0', '1.1', '1.2'], { description: 'The version of LwM2M.', default: '1.0' }),
        queue_mode: boolean({ description: 'It sleeps between updates.', default: false }),
        resources,
        firmware: list(image, { description: 'Firmware images.', max: 64 }),
      },
      { description: 'A device that is a LwM2M client.', optional: true },
    ),
    vectors: list(vector, { description: 'Bytes and what they mean; each is a test.', max: 256 }),
    simulate,
  },
  {
    description: 'A device profile.',
    check: ({ serial, coap, lwm2m, vectors }) => [
      ...((serial ?? coap ?? lwm2m) ? [] : [{ key: '', message: 'describes no way to speak', hint: 'add [serial], [coap] or [lwm2m]' }]),
      ...(serial === undefined || vectors.length > 0 ? [] : [{ key: '', message: 'has no vectors', hint: 'add [[vectors]]' }]),
    ],
  },
)

export type Profile = Infer<typeof profileSchema>
export type ProfileVector = Profile['vectors'][number]
