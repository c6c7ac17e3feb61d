import { type Tensor, tensor } from '../../base/tensor'
import { onlyPooled, pool } from '../blocks'
import { type GivenText, INPUT_IDS, MASK_OF_IDS, POSITION_IDS, type TextInput } from '../inputs'
import type { TextTowerModule } from '../tower'
import { clipStd } from '../vision/clip'
import { clipTextEncoder } from './clip-text'
import type { CoCaTextConfig } from './coca-text.config'

type Ids = Tensor<'int64'>

/** `[B, L + 1]`: what `make` gives of each text, and one value before or behind it. */
const rows = (
  make: (config: CoCaTextConfig, given: GivenText) => Ids,
  more: (length: number) => number,
  where: 'before' | 'behind' = 'behind',
): TextInput<CoCaTextConfig> => ({
  dtype: 'int64',
  dims: () => ['batch', 'rows'],
  make(config, given) {
    const { dims, data } = make(config, given)
    const [batch = 0, length = 0] = dims
    const value = BigInt(more(length))
    const made = Array.from({ length: batch }, (_, row) => {
      const own = data.slice(row * length, (row + 1) * length)
      return where === 'behind' ? [...own, value] : [value, ...own]
    })
    return tensor(BigInt64Array.from(made.flat()), [batch, length + 1])
  },
})

const INPUTS = {
  inputIds: INPUT_IDS,
  attentionMask: MASK_OF_IDS,
  positionIds: POSITION_IDS,
  rowIds: rows(
    (_config, { inputIds }) => inputIds,
    () => 0,
  ),
  // open_clip puts the class token's place before the text's, not behind them, and trained its models so.
  rowMask: rows(
    (config, given) => given.attentionMask ?? (MASK_OF_IDS.make(config, given) as Ids),
    () => 1,
    'before',
  ),
  rowPositions: rows(
    (config, given) => given.positionIds ?? (POSITION_IDS.make(config, given) as Ids),
    (length) => length,
  ),
  /** 1 where the class token is. */
  rowClasses: rows(
    (_config, { inputIds: { dims, data } }) => tensor(new BigInt64Array(data.length), dims),
    () => 1,
  ),
}

/** The text transformer of open_clip's CoCa: CLIP's, with a learned class token behind each text, which is what is pooled. */
export const cocaText: TextTowerModule<CoCaTextConfig, keyof typeof INPUTS> = {
  kind: 'text',
  modelType: 'coca_text_model',
  inputs: INPUTS,
  seesPadding: true,
  maxLength: (config) => config.maxPositionEmbeddings - 1,
  pooledSize: (config) => config.projectionSize ?? config.hiddenSize,
  forward(ops, w, config, { attentionMask: mask, rowIds, rowMask, rowPositions, rowClasses }, taps) {
    const { hiddenSize: D, projectionSize, causal, pooling = 'cls' } = config
    const token = ops.param(w.at('embeddings').param('class_embedding', [D], { kind: 'normal', std: 0.01 }))
    const isClass = ops.reshape(ops.float(rowClasses), [0, 0, 1])
    const { last, ...collected } = clipTextEncoder(
      ops,
      w,
      config,
      { inputIds: rowIds, attentionMask: rowMask, positionIds: rowPositions },
      taps,
      {
        std: clipStd(config),
        tableStd: config.initializerFactor * 0.02,
        causal,
        words: (x) => ops.add(ops.mul(x, ops.sub(ops.scalar(1), isClass)), ops.mul(isClass, token)),
      },
    )
    const pooled = pooling === 'cls' ? ops.token(last, -1) : pool(ops, pooling, ops.sliceTokens(last, 0, -1), { mask })
    const poolerOutput = projectionSize
      ? ops.linear(pooled, w.at('head').linear(D, projectionSize, { std: D ** -0.5 }))
      : pooled
    return { ...(onlyPooled(taps) ? {} : { lastHiddenState: last }), poolerOutput, ...collected }
  },
}
