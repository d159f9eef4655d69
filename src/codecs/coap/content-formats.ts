/** Content-Format numbers and the media types they stand for (IANA CoRE Parameters). */

export const FORMAT = { Text: 0, LinkFormat: 40, Xml: 41, OctetStream: 42, Json: 50, Cbor: 60, SenmlJson: 110, SenmlCbor: 112 } as const

const TABLE: readonly (readonly [number, string])[] = [
  [0, 'text/plain;charset=utf-8'],
  [16, 'application/cose; cose-type="cose-encrypt0"'],
  [40, 'application/link-format'],
  [41, 'application/xml'],
  [42, 'application/octet-stream'],
  [47, 'application/exi'],
  [50, 'application/json'],
  [51, 'application/json-patch+json'],
  [52, 'application/merge-patch+json'],
  [60, 'application/cbor'],
  [61, 'application/cwt'],
  [62, 'application/multipart-core'],
  [63, 'application/cbor-seq'],
  [110, 'application/senml+json'],
  [111, 'application/sensml+json'],
  [112, 'application/senml+cbor'],
  [113, 'application/sensml+cbor'],
  [114, 'application/senml-exi'],
  [115, 'application/sensml-exi'],
  [140, 'application/yang-data+cbor; id=sid'],
  [310, 'application/senml+xml'],
  [311, 'application/sensml+xml'],
  [320, 'application/senml-etch+json'],
  [322, 'application/senml-etch+cbor'],
  [432, 'application/td+json'],
  [11542, 'application/vnd.oma.lwm2m+tlv'],
  [11543, 'application/vnd.oma.lwm2m+json'],
  [11544, 'application/vnd.oma.lwm2m+cbor'],
]

const BY_NUMBER = new Map(TABLE)
const BY_TYPE = new Map(TABLE.map(([number, type]) => [canonical(type), number]))

/** The media type of a Content-Format, or undefined for one that is not known here. */
export function mediaType(contentFormat: number): string | undefined {
  return BY_NUMBER.get(contentFormat)
}

/** The Content-Format of a media type; parameters' spaces and case of the type do not matter. Undefined: it has none. */
export function contentFormatOf(type: string): number | undefined {
  const text = canonical(type)
  return BY_TYPE.get(text) ?? (text === 'text/plain' ? FORMAT.Text : undefined)
}

function canonical(type: string): string {
  return type
    .replace(/\s*;\s*/g, ';')
    .trim()
    .toLowerCase()
}
