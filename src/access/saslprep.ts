/** SASLprep (`RFC 4013`): user names and passwords in one form, however they were typed. */
import { GatewayError } from '#base/errors.ts'

/** Non-ASCII spaces become a space (`RFC 3454` table C.1.2). */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g
/** Nothing is made of soft hyphens, joiners and variation selectors (`RFC 3454` table B.1). */
const NOTHING = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g
/** Control characters, private use, non-characters, surrogates, what changes the direction of text, tags (tables C.2 to C.9). */
const PROHIBITED =
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u2028\u2029\u06dd\u070f\u180e\u200e\u200f\u202a-\u202e\u2061-\u2063\u206a-\u206f\ufff9-\uffff\u2ff0-\u2ffb]|[\u{1d173}-\u{1d17a}]|[\u{e0001}-\u{e007f}]|\u0340|\u0341/u

/**
 * The prepared form of a name or password. The rule on text that mixes directions (§2.4) is not applied: it would keep
 * people out and protects nobody here.
 * @throws GatewayError `bad-credentials` for characters that may not be in one
 */
export function saslPrep(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text
  const prepared = text.replace(SPACES, ' ').replace(NOTHING, '').normalize('NFKC')
  if (PROHIBITED.test(prepared)) {
    throw new GatewayError('bad-credentials', 'the name or password holds characters that may not be in one', { reason: 0x87 })
  }
  return prepared
}
