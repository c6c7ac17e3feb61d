import type { Tensor } from '@dual-encoder/core'
import type { Attention } from './protocol.ts'

interface PreprocessorConfig {
  readonly do_center_crop?: boolean
  readonly size?: { readonly shortest_edge?: number }
  readonly crop_size?: number | { readonly height: number }
}

/** What is cut off around the picture before the model sees it. */
export function cropOf({ do_center_crop, size, crop_size }: PreprocessorConfig): number | undefined {
  const cropped = typeof crop_size === 'object' ? crop_size.height : crop_size
  return do_center_crop && cropped && size?.shortest_edge ? cropped / size.shortest_edge : undefined
}

/**
 * Where the class token looks; of towers without one, where all patches look together.
 * @param attentions each layer's `[1, heads, L, L]`
 */
export function attentionMaps(
  attentions: readonly Tensor[],
  [height, width]: readonly [number, number],
  patch: number,
  crop?: number,
): Attention {
  const grid = [Math.floor(height / patch), Math.floor(width / patch)] as const
  const patches = grid[0] * grid[1]
  const [, heads = 0, length = 0] = attentions[0]?.dims ?? []
  const prefix = length - patches
  if (attentions.length === 0 || prefix < 0 || attentions.some(({ dims }) => dims[2] !== length))
    throw new Error('This model’s picture tower has no attention over patches to show.')
  const queries = prefix > 0 ? [0] : Array.from({ length }, (_, i) => i)
  const maps = attentions.map(({ data }) =>
    Array.from({ length: heads }, (_, head) =>
      Float32Array.from({ length: patches }, (_, p) =>
        queries.reduce((sum, q) => sum + Number(data[(head * length + q) * length + prefix + p]), 0),
      ),
    ),
  )
  return { layers: maps.length, heads, grid, maps, crop }
}
