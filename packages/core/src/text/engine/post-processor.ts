import { badTokenizer, Fields, idOf, unsupported } from './json'

/** A piece of a row: the first or second text, or tokens of their own; and its token type. */
export interface Piece {
  readonly of: 'A' | 'B' | readonly number[]
  readonly type: number
}

export interface PostProcessor {
  readonly single: readonly Piece[]
  readonly pair: readonly Piece[]
  /** Offsets leave out the spaces that a token begins or ends with. */
  readonly trimsOffsets: boolean
  /** The first token's space was added, and takes no place in the text. */
  readonly addsPrefixSpace: boolean
  /** A special token is left out behind a text that ends with it. */
  readonly addsOnce: boolean
}

const PLAIN: PostProcessor = {
  single: [{ of: 'A', type: 0 }],
  pair: [
    { of: 'A', type: 0 },
    { of: 'B', type: 1 },
  ],
  trimsOffsets: false,
  addsPrefixSpace: false,
  addsOnce: false,
}

export function createPostProcessor(json: unknown): PostProcessor {
  if (json === null || json === undefined) return PLAIN
  return { ...PLAIN, ...processor(new Fields(json, 'post_processor')) }
}

const MAKERS: Readonly<Record<string, (fields: Fields) => Partial<PostProcessor>>> = {
  Sequence: (fields) =>
    fields.objects('processors').reduce<Partial<PostProcessor>>((all, each) => ({ ...all, ...processor(each) }), {}),
  BertProcessing(fields) {
    const [cls, sep] = [tokenOf(fields, 'cls'), tokenOf(fields, 'sep')]
    const single: Piece[] = [
      { of: [cls], type: 0 },
      { of: 'A', type: 0 },
      { of: [sep], type: 0 },
    ]
    return { single, pair: [...single, { of: 'B', type: 1 }, { of: [sep], type: 1 }] }
  },
  RobertaProcessing(fields) {
    const [cls, sep] = [tokenOf(fields, 'cls'), tokenOf(fields, 'sep')]
    const single: Piece[] = [
      { of: [cls], type: 0 },
      { of: 'A', type: 0 },
      { of: [sep], type: 0 },
    ]
    return {
      single,
      pair: [...single, { of: [sep], type: 0 }, { of: 'B', type: 0 }, { of: [sep], type: 0 }],
      trimsOffsets: fields.boolean('trim_offsets', true),
      addsPrefixSpace: fields.boolean('add_prefix_space', true),
    }
  },
  ByteLevel: (fields) => ({
    trimsOffsets: fields.boolean('trim_offsets', true),
    addsPrefixSpace: fields.boolean('add_prefix_space', true),
  }),
  TemplateProcessing(fields) {
    const tokens = new Map(
      fields.entries('special_tokens').map(([name, token]) => {
        const where = `${fields.where}.special_tokens.${name}`
        return [name, new Fields(token, where).list('ids').map((id) => idOf(id, where))] as const
      }),
    )
    const pieces = (name: 'single' | 'pair') => fields.objects(name).map((item) => pieceOf(item, tokens))
    return { single: pieces('single'), pair: pieces('pair') }
  },
}

function processor(fields: Fields): Partial<PostProcessor> {
  const make = Object.hasOwn(MAKERS, fields.type) ? MAKERS[fields.type] : undefined
  return make ? make(fields) : unsupported(fields.where, fields.type, Object.keys(MAKERS))
}

function pieceOf(item: Fields, tokens: ReadonlyMap<string, readonly number[]>): Piece {
  if (item.has('Sequence')) {
    const text = item.at('Sequence')
    return { of: text.oneOf<'A' | 'B'>('id', ['A', 'B']), type: text.number('type_id', 0) }
  }
  const special = item.at('SpecialToken')
  const ids = tokens.get(special.string('id'))
  if (!ids) throw badTokenizer(`${item.where} asks for "${special.string('id')}", which special_tokens lacks`)
  return { of: ids, type: special.number('type_id', 0) }
}

function tokenOf(fields: Fields, name: 'cls' | 'sep'): number {
  return idOf(fields.list(name)[1], `${fields.where}.${name}[1]`)
}
