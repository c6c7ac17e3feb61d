import type { ForwardInputs, Tensor } from '@dual-encoder/core'
import { type DualEncoderModel, gridOf, openSource, openWeights } from '@dual-encoder/core/backend'
import type { Look } from './protocol.ts'

interface PreprocessorConfig {
  readonly do_center_crop?: boolean
  readonly size?: { readonly shortest_edge?: number }
  readonly crop_size?: number | { readonly height: number }
}

/** What is cut off around the picture before the model sees it. */
function cropOf({ do_center_crop, size, crop_size }: PreprocessorConfig): number | undefined {
  const cropped = typeof crop_size === 'object' ? crop_size.height : crop_size
  return do_center_crop && cropped && size?.shortest_edge ? cropped / size.shortest_edge : undefined
}

/**
 * Where the class token looks; of towers without one, where all patches look together.
 * @param attentions each layer's `[1, heads, L, L]`
 */
function byAttention(attentions: readonly Tensor[], grid: readonly [number, number]): Look {
  const patches = grid[0] * grid[1]
  const [, heads = 0, length = 0] = attentions[0]?.dims ?? []
  const prefix = length - patches
  if (attentions.length === 0 || prefix < 0 || attentions.some(({ dims }) => dims[2] !== length))
    throw new Error('This model’s picture tower has no map of the picture to show.')
  const queries = prefix > 0 ? [0] : Array.from({ length }, (_, i) => i)
  const maps = attentions.map(({ data }) =>
    Array.from({ length: heads }, (_, head) =>
      Float32Array.from({ length: patches }, (_, p) =>
        queries.reduce((sum, q) => sum + Number(data[(head * length + q) * length + prefix + p]), 0),
      ),
    ),
  )
  return { by: 'attention', grid, maps }
}

/**
 * What each part of the picture adds to the cosine with each word. The tower's summary is the mean of its parts and the
 * projection is linear, so the mean of a word's map is its cosine.
 * @param hidden `[1, C, rows, columns]`
 * @param pooled `[1, C]`
 * @param projection `[D, C]`
 * @param texts each `[1, D]`, normalised
 */
function byWords(hidden: Tensor, pooled: Tensor, projection: Tensor, texts: readonly Tensor[]): Look {
  const [, channels = 0, rows = 0, columns = 0] = hidden.dims
  const [width = 0] = projection.dims
  const [at, mean, weight] = [hidden.data, pooled.data, projection.data] as [Float32Array, Float32Array, Float32Array]
  const parts = rows * columns
  const image = Array.from({ length: width }, (_, d) =>
    mean.reduce((sum, value, c) => sum + value * weight[d * channels + c]!, 0),
  )
  const length = Math.hypot(...image)
  const maps = texts.map(({ data }) => {
    // The word as a direction among the tower's channels.
    const direction = Float64Array.from({ length: channels }, (_, c) =>
      (data as Float32Array).reduce((sum, value, d) => sum + value * weight[d * channels + c]!, 0),
    )
    return Float32Array.from(
      { length: parts },
      (_, p) => direction.reduce((sum, value, c) => sum + value * at[c * parts + p]!, 0) / length,
    )
  })
  return { by: 'words', grid: [rows, columns], maps: [maps] }
}

/** What there is to see of how a model looks at a picture. */
export async function look(
  model: DualEncoderModel,
  files: readonly File[],
  inputs: ForwardInputs,
  texts: readonly Tensor[],
): Promise<Look> {
  const preprocessor = files.find(({ name }) => name === 'preprocessor_config.json')
  const crop = preprocessor && cropOf(JSON.parse(await preprocessor.text()) as PreprocessorConfig)
  const { visionModelOutput } = await model.forward(inputs, { outputAttentions: true })
  const { lastHiddenState, poolerOutput, attentions } = visionModelOutput
  if (!attentions && poolerOutput && texts.length > 0 && lastHiddenState.dims.length === 4) {
    const { weights } = await openWeights(await openSource(files))
    const projection = await weights.get('visual_projection.weight')?.read()
    if (projection?.dims[1] === lastHiddenState.dims[1])
      return { ...byWords(lastHiddenState, poolerOutput, projection!, texts), crop }
  }
  const [, , height = 0, width = 0] = inputs.pixelValues?.dims ?? []
  return { ...byAttention(attentions ?? [], gridOf([height, width], model.config.visionConfig.patchSize)), crop }
}
