import { TokenizerError } from '../base/errors'

/** Types of pieces. */
export const NORMAL = 1
export const CONTROL = 3
export const USER_DEFINED = 4

export interface Piece {
  readonly token: string
  readonly score: number
  /** 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  readonly type: number
}

export interface SentencePieceModel {
  readonly pieces: readonly Piece[]
  readonly charsmap: Uint8Array
  readonly unkId: number
  readonly addsDummyPrefix: boolean
  readonly removesExtraSpaces: boolean
}

const damaged = (what: string) =>
  new TokenizerError('bad-tokenizer', `The SentencePiece model cannot be used: ${what}.`)

/** The fields of a protobuf message: numbers, or bytes where the wire has a length. */
function* fieldsOf(bytes: Uint8Array): Generator<[field: number, value: number | Uint8Array]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) throw damaged('it ends early')
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
    throw damaged('it holds a number of more than 64 bits')
  }
  const take = (length: number): number => {
    const start = at
    at += length
    if (at > bytes.length) throw damaged('it ends early')
    return start
  }
  while (at < bytes.length) {
    const key = varint()
    const field = Math.floor(key / 8)
    switch (key % 8) {
      case 0:
        yield [field, varint()]
        break
      case 1:
        yield [field, view.getFloat64(take(8), true)]
        break
      case 2: {
        const length = varint()
        const start = take(length)
        yield [field, bytes.subarray(start, start + length)]
        break
      }
      case 5:
        yield [field, view.getFloat32(take(4), true)]
        break
      default:
        throw damaged('it is no protobuf message')
    }
  }
}

/**
 * Reads `sentencepiece_model.proto`: the pieces (1: piece, score, type), the trainer's unknown id (2: 40) and the
 * normaliser's charsmap and switches (3: 2, 3, 4).
 * @throws TokenizerError for damaged files and models that are not unigram ones
 */
export function readSentencePiece(bytes: Uint8Array): SentencePieceModel {
  const pieces: Piece[] = []
  let charsmap: Uint8Array = new Uint8Array()
  let unkId = 0
  let [addsDummyPrefix, removesExtraSpaces] = [true, true]
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  for (const [field, value] of fieldsOf(bytes)) {
    if (!(value instanceof Uint8Array)) continue
    const inner = new Map(field <= 3 ? fieldsOf(value) : [])
    const number = (of: number, otherwise: number): number => {
      const found = inner.get(of) ?? otherwise
      if (typeof found !== 'number') throw damaged(`a number is missing (field ${field}.${of})`)
      return found
    }
    if (field === 1) {
      const token = inner.get(1)
      if (!(token instanceof Uint8Array)) throw damaged('a piece has no text')
      pieces.push({ token: decoder.decode(token), score: number(2, 0), type: number(3, 1) })
    }
    if (field === 2) {
      // trainer_spec.model_type: 1 = unigram, which it is unless said otherwise.
      if (number(3, 1) !== 1) throw damaged('it is not a unigram model')
      unkId = number(40, 0)
    }
    if (field !== 3) continue
    const map = inner.get(2)
    if (map instanceof Uint8Array) charsmap = map
    addsDummyPrefix = number(3, 1) !== 0
    removesExtraSpaces = number(4, 1) !== 0
  }
  if (pieces.length < 3) throw damaged(`it holds ${pieces.length} pieces`)
  return { pieces, charsmap, unkId, addsDummyPrefix, removesExtraSpaces }
}
