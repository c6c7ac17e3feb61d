/**
 * What bytes 0x80 to 0xff are in encodings of one byte a character, in the order in which ftfy tries them. Bytes that an
 * encoding leaves open are Latin-1's, and in those of Windows U+FFFD is what byte 0x1a stands for.
 */
export interface CodePage {
  readonly name: string
  readonly high: string
  readonly sloppy: boolean
  /** A text as bytes, each the code of a character; undefined where it has others than this encoding's. */
  encode(text: string): string | undefined
}

const LATIN_1 = Array.from({ length: 128 }, (_, i) => String.fromCharCode(i + 128)).join('')

// Node's TextDecoder takes this encoding for Latin-1, and no TextDecoder knows cp437.
export const WINDOWS_1252 = `€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ${LATIN_1.slice(32)}`
const CP437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\xa0'

const decoded = (label: string): string => {
  const text = new TextDecoder(label).decode(Uint8Array.from({ length: 128 }, (_, i) => i + 128))
  return text.replace(/\ufffd/g, (_, at: number) => LATIN_1.charAt(at))
}

function page(name: string, high: string): CodePage {
  const sloppy = name.startsWith('windows')
  const codes = new Map([...high].map((one, i) => [one, String.fromCharCode(i + 128)]))
  if (sloppy) codes.set('\ufffd', '\x1a')
  const encode = (text: string): string | undefined => {
    let bytes = ''
    for (const one of text) {
      const byte = one < '\x80' && !(sloppy && one === '\x1a') ? one : codes.get(one)
      if (byte === undefined) return undefined
      bytes += byte
    }
    return bytes
  }
  return { name, high, sloppy, encode }
}

const NAMED = ['windows-1251', 'windows-1250', 'windows-1253', 'windows-1254', 'windows-1257', 'iso-8859-2'].concat(
  'macintosh',
)

let pages: readonly CodePage[] | undefined

export const codePages = (): readonly CodePage[] =>
  (pages ??= [
    page('latin-1', LATIN_1),
    page('windows-1252', WINDOWS_1252),
    ...NAMED.map((name) => page(name, decoded(name))),
    page('cp437', CP437),
  ])
