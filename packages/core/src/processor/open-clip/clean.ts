import { PYTHON_SPACE } from '../../text/engine/unicode'
import { WINDOWS_1252 } from './code-pages'
import { mendControls, mendEncoding } from './mojibake'

/** Entities from U+00A0 on, which HTML also takes without a semicolon. */
const LATIN =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para ' +
  'middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave ' +
  'Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute ' +
  'Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave ' +
  'iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml'

/** Others that texts of pictures have; HTML knows 2,000 more, which stay as they are. */
const OTHERS =
  'hellip:8230 ndash:8211 mdash:8212 lsquo:8216 rsquo:8217 sbquo:8218 ldquo:8220 rdquo:8221 bdquo:8222 bull:8226 ' +
  'euro:8364 trade:8482 OElig:338 oelig:339 Scaron:352 scaron:353 Yuml:376 lsaquo:8249 rsaquo:8250 dagger:8224 ' +
  'larr:8592 uarr:8593 rarr:8594 darr:8595 hearts:9829 infin:8734 minus:8722 ensp:8194 emsp:8195 thinsp:8201 ' +
  'check:10003 star:9734 apos:39'

/** Entities by their names; those of `bare` need no semicolon. */
function entities(): { readonly bare: ReadonlyMap<string, string>; readonly all: ReadonlyMap<string, string> } {
  const latin = LATIN.split(' ').map((name, i): [string, string] => [name, String.fromCharCode(160 + i)])
  const plain = Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', copy: '©', reg: '®' })
  const bare = new Map([...latin, ...plain, ...plain.map(([name, is]): [string, string] => [name.toUpperCase(), is])])
  const others = OTHERS.split(' ').map((pair): [string, string] => {
    const [name = '', code] = pair.split(':')
    return [name, String.fromCodePoint(Number(code))]
  })
  return { bare, all: new Map([...bare, ...others]) }
}

let table: ReturnType<typeof entities> | undefined

function character(code: number): string {
  if (code >= 0x80 && code <= 0x9f) return WINDOWS_1252.charAt(code - 0x80)
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return '\ufffd'
  const isNothing = (code < 32 && ![9, 10, 12, 13].includes(code)) || code === 0x7f || (code & 0xfffe) === 0xfffe
  return isNothing || (code >= 0xfdd0 && code <= 0xfdef) ? '' : String.fromCodePoint(code)
}

const numbered = (reference: string): string =>
  character(/^x/i.test(reference) ? Number.parseInt(reference.slice(1), 16) : Number.parseInt(reference, 10))

/** Python's `html.unescape`. */
function unescaped(text: string): string {
  const { bare, all } = (table ??= entities())
  return text.replace(
    /&(?:#(\d+|[xX][\da-fA-F]+);?|([^\t\n\f <&#;]{1,32})(;?))/g,
    (whole, code: string | undefined, name = '', end = '') => {
      if (code !== undefined) return numbered(code)
      if (end && all.has(name as string)) return all.get(name as string)!
      for (let size = (name as string).length; size > 1; size--) {
        const found = bare.get((name as string).slice(0, size))
        if (found !== undefined) return found + (name as string).slice(size) + end
      }
      return whole
    },
  )
}

/** ftfy's own, which takes whole entities only, and their names also in capitals. */
const unescapedEntities = (text: string): string =>
  text.replace(/&#?[\da-zA-Z]{1,24};/g, (entity) => {
    const { all } = (table ??= entities())
    const name = entity.slice(1, -1)
    const found =
      all.get(name) ?? (name === name.toUpperCase() ? all.get(name.toLowerCase())?.toUpperCase() : undefined)
    if (found !== undefined) return found
    const number = entity.startsWith('&#') ? unescaped(entity) : entity
    return number.includes(';') ? entity : number
  })

const LIGATURES: Readonly<Record<string, string>> = {
  Ĳ: 'IJ',
  ĳ: 'ij',
  ŉ: 'ʼn',
  Ǳ: 'DZ',
  ǲ: 'Dz',
  ǳ: 'dz',
  Ǆ: 'DŽ',
  ǅ: 'Dž',
  ǆ: 'dž',
  Ǉ: 'LJ',
  ǈ: 'Lj',
  ǉ: 'lj',
  Ǌ: 'NJ',
  ǋ: 'Nj',
  ǌ: 'nj',
  ﬀ: 'ff',
  ﬁ: 'fi',
  ﬂ: 'fl',
  ﬃ: 'ffi',
  ﬄ: 'ffl',
  ﬅ: 'ſt',
  ﬆ: 'st',
}

/** One line, with its end, as ftfy's `fix_text` mends it. */
function mended(line: string, entities: boolean): string {
  let [text, before] = [line, '']
  while (text !== before) {
    before = text
    text = mendControls(mendEncoding(entities ? unescapedEntities(text) : text))
      .replace(/[ĲĳŉǱ-ǳǄ-ǌﬀ-ﬆ]/g, (one) => LIGATURES[one] ?? one)
      .replace(/[\u3000\uff01-\uffef]/g, (one) => (one === '\u3000' ? ' ' : one.normalize('NFKC')))
      .replace(/[\u02bc\u2018-\u201b]/g, "'")
      .replace(/[\u201c-\u201f]/g, '"')
      .replace(/\r\n|[\r\u2028\u2029\x85]/g, '\n')
      .replace(/\p{Surrogate}/gu, '\ufffd')

      .replace(/\x1b\[[\d;]*[a-zA-Z]/g, '')

      .replace(/[\x00-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g, '')
      .normalize('NFC')
  }
  return text
}

/** ftfy's `fix_text`: from the first line that has a "<" on, entities are taken for HTML's and stay. */
function fixed(text: string): string {
  let html = false
  return (text.match(/[^\n]*\n|[^\n]+/g) ?? []).map((line) => mended(line, !(html ||= line.includes('<')))).join('')
}

const basic = (text: string): string => unescaped(unescaped(fixed(text)))

const SPACES = new RegExp(`(?:${PYTHON_SPACE.source})+`, 'g')
const joined = (text: string): string => text.replace(SPACES, ' ').replace(/^ | $/g, '')

/** How open_clip cleans texts before it cuts them into tokens, by the names of its `clean`. */
export const CLEAN: Readonly<Record<string, (text: string) => string>> = {
  whitespace: (text) => joined(basic(text)),
  lower: (text) => joined(basic(text)).toLowerCase(),
  canonicalize: (text) =>
    joined(
      basic(text)
        .replaceAll('_', ' ')
        .replace(/[!-/:-@[-`{-~]/g, '')
        .toLowerCase(),
    ),
}
