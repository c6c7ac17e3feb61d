import { PYTHON_SPACE } from '../../text/engine/unicode'
import { codePages, WINDOWS_1252 } from './code-pages'

/*
 * Mojibake (UTF-8 that was read as an encoding of one byte a character) as ftfy 6.3 finds and mends it. Which characters
 * make a text look like it, by ftfy's names, and which of them next to which, are ftfy's findings; without them there
 * would be other ids than open_clip's.
 */
const KINDS: Readonly<Record<string, string>> = {
  common: '\\xa0\\xad´·–—―’…',
  bad: '¤¦¨ª¬¯¸ºƒˆˇ˘˛˜†‡‰⌐◊\\ufffd',
  law: '§¶',
  currency: '¢£¥₧€',
  start: '¡©«¿΄΅‘‚“„•‹\\uf8ff',
  end: '®»˝”›™',
  numeric: '±²³µ¹¼½¾×÷⁄№∂∆∏∑√∞∩∫≈≠≡≤≥',
  kaomoji: '°Ò-ÖÙ-Üò-öø-üŌŐŪŲ',
  upper: 'À-ÑØÜÝĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĹĻĽŁŃŅŇŒŘŚŞŠŢŤŮŰŸŹŻŽҐ',
  lower: 'ß-ñüāăąćčďđēėęěğģīįķĺļľłœŕśşšťźżžґﬁﬂ',
  capitals: 'ÞΆΈΉΊΌΎΏΑ-ΫЁ-Я',
  small: 'ά-ωа-џ',
  box: '│┌┐┘├┤┬┼═-╬▀▄█▌▐-▓',
}

/** Neighbours that texts which are well do not have: `{kinds}` is a character of one of them. */
const NEIGHBOURS = [
  '[\\x80-\\x9f]',
  '{bad lower upper box start end currency numeric law}{bad}',
  '[a-zA-Z]{small capitals}{bad}',
  '{bad}{lower upper box start end currency numeric law}',
  '{lower small box end currency numeric}{upper}',
  '{box end currency numeric}{lower}',
  '{lower box end}{currency}',
  `(?:${PYTHON_SPACE.source}){upper}{currency}`,
  '{upper box}{numeric law}',
  '{lower upper box currency end}{start}{numeric}',
  '{lower upper currency numeric box law}{end}{start}',
  '{currency numeric box}{start}',
  '[a-z]{upper}{start currency}',
  '{box}{kaomoji}',
  '{lower upper currency numeric start end law}{box}',
  '{box}{end}',
  '{lower upper}{start end}[\\p{L}\\p{N}_]',
  '[Œœ][^A-Za-z]',
  '{upper}°',
  '[ÂÃÎÐ](?:[€œŠš¢£Ÿž\\xa0\\xad®°©·»–—´]|{start end})',
  '×[²³]',
  '[ØÙ](?:[ŸŠ®°µ»]|{common currency bad numeric start})[ØÙ](?:[ŸŠ®°µ»]|{common currency bad numeric start})',
  'à[²µ¹¼½¾]',
  '√[±∂†≠®™´≤≥¥µø]',
  '≈[°¢]',
  '‚Ä[ìîïòôúùû†°¢π]',
  '‚[âó][àä°ê]',
  'вЂ',
  '[ВГРС](?:[\\x80-\\x9f°µ]|{bad start end currency})[ВГРС]',
  'ГўВЂВ[^\\n][A-Za-z ]',
  'Ã[\\xa0¡]',
  `[a-z](?:${PYTHON_SPACE.source})?[ÃÂ][ ]`,
  '^[ÃÂ][ ]',
  '(?:[a-z.,?!]|{end})Â(?:[ ]|{start end})',
  'β€[™\\xa0Ά\\xad®°]',
  '[ΒΓΞΟ](?:[\\x80-\\x9f°]|{bad start end currency})[ΒΓΞΟ]',
  'ā€',
]

const kindsIn = (pattern: string): string =>
  pattern.replace(
    /\{([a-z ]+)\}/g,
    (_, kinds: string) =>
      `[${kinds
        .split(' ')
        .map((kind) => KINDS[kind]!)
        .join('')}]`,
  )

/** Characters that the bytes from `first` to `last` are in some of the encodings, but for `without`. */
function clues(first: number, last: number, without = ''): string {
  // Those of Windows and Latin-1; what the last three have beside them tells too little.
  const found = codePages()
    .slice(0, -3)
    .flatMap(({ high }) => [...high.slice(first - 128, last - 127)])
  return [...new Set(found)].filter((one) => !without.includes(one)).join('')
}

interface Patterns {
  readonly looksBad: RegExp
  readonly utf8: RegExp
}

function compiled(): Patterns {
  const strict = clues(0x80, 0xbf, '–—―‘’‚“”„•…')
  const more = `[${clues(0x80, 0xbf)} ]`
  const [two, three, four] = [clues(0xc2, 0xdf), clues(0xe0, 0xef), clues(0xf0, 0xf4, 'ñòôńņňōρςτстф')]
  return {
    looksBad: new RegExp(NEIGHBOURS.map(kindsIn).join('|'), 'u'),
    utf8: new RegExp(`(?<![${strict}])(?:[${two}]${more}|[${three}]${more}{2}|[${four}]${more}{3})+`, 'gu'),
  }
}

let patterns: Patterns | undefined

// Patterns of bytes, each the code of a character.
/** UTF-8 with a space where byte 0xa0 was. */
const SPACED =
  /[\xc2\xc3\xc5\xce\xd0\xd9] |[\xe2\xe3] [\x80-\x84\x86-\x9f\xa1-\xbf]|[\xe0-\xe3][\x80-\x84\x86-\x9f\xa1-\xbf] |\xf0 [\x80-\xbf][\x80-\xbf]|\xf0[\x80-\xbf] [\x80-\xbf]|\xf0[\x80-\xbf][\x80-\xbf] /
/** "à" as a word of its own, not at the start of some Portuguese ones. */
const A_GRAVE = /\xc3 (?! |quele|quela|quilo|s )/g
/** UTF-8 of which some bytes were lost. */
const LOSSY =
  /[\xc2-\xdf]\x1a|[\xc2\xc3]\?|\xed[\xa0-\xaf][\x1a?]\xed[\xb0-\xbf][\x1a?\x80-\xbf]|\xed[\xa0-\xaf][\x1a?\x80-\xbf]\xed[\xb0-\xbf][\x1a?]|[\xe0-\xef][\x1a?][\x1a\x80-\xbf]|[\xe0-\xef][\x1a\x80-\xbf][\x1a?]|[\xf0-\xf4][\x1a?][\x1a\x80-\xbf]{2}|[\xf0-\xf4][\x1a\x80-\xbf][\x1a?][\x1a\x80-\xbf]|[\xf0-\xf4][\x1a\x80-\xbf]{2}[\x1a?]|\x1a/g
/** A surrogate pair of which each half was written as UTF-8. */
const CESU_8 = /\xed([\xa0-\xaf])([\x80-\xbf])\xed([\xb0-\xbf])([\x80-\xbf])/g

const bytesOf = (codes: string): Uint8Array => Uint8Array.from(codes, (one) => one.charCodeAt(0))
const codesOf = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text))

/** Bytes as UTF-8, or what Java and old databases write for it; undefined where they are neither. */
function decodeUtf8(codes: string): string | undefined {
  const plain = codes
    .replace(CESU_8, (_, ...parts: string[]) => {
      const [a, b, c, d] = parts.slice(0, 4).map((part) => part.charCodeAt(0)) as [number, number, number, number]
      const code = ((a & 0x0f) << 16) + ((b & 0x3f) << 10) + ((c & 0x0f) << 6) + (d & 0x3f) + 0x10000
      return codesOf(String.fromCodePoint(code))
    })
    .replaceAll('\xc0\x80', '\0')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytesOf(plain))
  } catch {
    return undefined
  }
}

/** Latin-1's control characters as Windows-1252, which they were meant to be. */
export const mendControls = (text: string): string =>
  text.replace(/[\x80-\x9f]/g, (one) => WINDOWS_1252.charAt(one.charCodeAt(0) - 0x80))

/** One step: a text that comes nearer to what it was, or the same. */
function step(text: string): string {
  const { looksBad, utf8 } = (patterns ??= compiled())

  if (/^[\0-\x7f]*$/.test(text) || !looksBad.test(text)) return text
  for (const { name, sloppy, encode } of codePages()) {
    let codes = encode(text)
    if (codes === undefined) continue
    // In macintosh that would be a dash and a space.
    if (name !== 'macintosh' && SPACED.test(codes))
      codes = codes
        .replace(A_GRAVE, '\xc3\xa0 ')
        .replace(new RegExp(SPACED, 'g'), (found) => found.replaceAll(' ', '\xa0'))
    if (sloppy) codes = codes.replace(LOSSY, '\xef\xbf\xbd')
    const fixed = decodeUtf8(codes)
    if (fixed !== undefined) return fixed
  }
  const inside = text.replace(utf8, (part) =>
    part.length < text.length && looksBad.test(part) ? mendEncoding(part) : part,
  )
  return inside === text ? mendControls(text) : inside
}

/** ftfy's `fix_encoding`. */
export function mendEncoding(text: string): string {
  let [mended, before] = [text, '']
  while (mended !== before) {
    before = mended
    mended = step(before)
  }
  return mended
}
