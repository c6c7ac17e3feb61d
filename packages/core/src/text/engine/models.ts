import { Bpe } from './bpe'
import { Fields, unsupported } from './json'
import type { Model, Pieces } from './model'
import { Unigram } from './unigram'
import { WordPiece } from './word-piece'

export function createModel(json: unknown): Model {
  const fields = new Fields(json, 'model')
  const type = fields.has('type')
    ? fields.type
    : fields.has('merges')
      ? 'BPE'
      : Array.isArray(fields.raw('vocab'))
        ? 'Unigram'
        : 'WordPiece'
  if (type === 'WordPiece') return cached(new WordPiece(fields))
  if (type === 'BPE') return cached(new Bpe(fields))
  if (type === 'Unigram') return cached(new Unigram(fields))
  return unsupported('model', type, ['WordPiece', 'BPE', 'Unigram'])
}

const CACHED_WORDS = 20_000
const CACHED_LENGTH = 64

/** Remembers words: captions repeat them. */
function cached(model: Model): Model {
  const known = new Map<string, Pieces>()
  return {
    vocab: model.vocab,
    size: model.size,
    tokenize(word) {
      const found = known.get(word)
      if (found) return found
      const pieces = model.tokenize(word)
      if (known.size >= CACHED_WORDS) known.clear()
      if (word.length <= CACHED_LENGTH) known.set(word, pieces)
      return pieces
    },
  }
}
