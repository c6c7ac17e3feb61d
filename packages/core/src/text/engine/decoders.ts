import { fromByteChars } from './byte-level'
import { Fields, unsupported } from './json'
import { patternOf } from './pattern'

/** A step from tokens to the parts of a text. */
type Decoder = (tokens: readonly string[]) => readonly string[]

export function createDecoder(json: unknown): (tokens: readonly string[]) => string {
  if (json === null || json === undefined) return (tokens) => tokens.join(' ')
  const decode = decoder(new Fields(json, 'decoder'))
  return (tokens) => decode(tokens).join('')
}

const MAKERS: Readonly<Record<string, (fields: Fields) => Decoder>> = {
  Sequence(fields) {
    const steps = fields.objects('decoders').map(decoder)
    return (tokens) => steps.reduce((parts, step) => step(parts), tokens)
  },
  WordPiece(fields) {
    const prefix = fields.string('prefix', '##')
    const cleans = fields.boolean('cleanup', true)
    return (tokens) =>
      tokens.map((token, i) => {
        const part = i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`
        return cleans ? cleanUp(part).replaceAll(' do not', " don't") : part
      })
  },
  ByteLevel: () => (tokens) => [fromByteChars(tokens)],
  Metaspace(fields) {
    const mark = fields.string('replacement', '▁')
    const prepends = fields.has('prepend_scheme')
      ? fields.string('prepend_scheme') !== 'never'
      : fields.boolean('add_prefix_space', true)
    return (tokens) => tokens.map((token, i) => token.replaceAll(mark, i === 0 && prepends ? '' : ' '))
  },
  BPEDecoder(fields) {
    const suffix = fields.string('suffix', '</w>')
    return (tokens) => tokens.map((token, i) => token.replaceAll(suffix, i === tokens.length - 1 ? '' : ' '))
  },
  Replace(fields) {
    const pattern = patternOf(fields.at('pattern'))
    const content = fields.string('content')
    return (tokens) => tokens.map((token) => token.replace(pattern, () => content))
  },
  ByteFallback: () => byteFallback,
  Strip(fields) {
    const [content, start, stop] = [fields.string('content'), fields.number('start'), fields.number('stop')]
    return (tokens) =>
      tokens.map((token) => {
        const chars = [...token]
        let from = 0
        let to = chars.length
        while (from < start && chars[from] === content) from++
        while (chars.length - to < stop && to > from && chars[to - 1] === content) to--
        return chars.slice(from, to).join('')
      })
  },
  Fuse: () => (tokens) => [tokens.join('')],
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Runs of tokens `<0xE6>` become the text that they spell, or a replacement character for each. */
function byteFallback(tokens: readonly string[]): readonly string[] {
  const parts: string[] = []
  let bytes: number[] = []
  const flush = () => {
    if (bytes.length === 0) return
    try {
      parts.push(utf8.decode(Uint8Array.from(bytes)))
    } catch {
      bytes.forEach(() => parts.push('\ufffd'))
    }
    bytes = []
  }
  for (const token of tokens) {
    const byte = /^<0x([\da-fA-F]{2})>$/.exec(token)?.[1]
    if (byte !== undefined) bytes.push(parseInt(byte, 16))
    else {
      flush()
      parts.push(token)
    }
  }
  flush()
  return parts
}

function decoder(fields: Fields): Decoder {
  const make = Object.hasOwn(MAKERS, fields.type) ? MAKERS[fields.type] : undefined
  return make ? make(fields) : unsupported(fields.where, fields.type, Object.keys(MAKERS))
}

const SPACED = [' .', ' ?', ' !', ' ,', " ' ", " n't", " 'm", " 's", " 've", " 're"]

/** transformers' `clean_up_tokenization`: no space before punctuation and English endings. */
export const cleanUp = (text: string): string =>
  SPACED.reduce((clean, spaced) => clean.replaceAll(spaced, spaced.trim()), text)
