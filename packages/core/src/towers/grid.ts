/** `[height, width]` in patches. */
export type Grid = readonly [number, number]

/** An image or patch size: one number means a square; `[height, width]`. */
export const pairOf = (size: number | readonly [number, number]): readonly [number, number] =>
  typeof size === 'number' ? [size, size] : size

/** `[height, width]` of an image in whole patches. */
export function gridOf(imageSize: readonly [number, number], patchSize: number | readonly [number, number]): Grid {
  const patch = pairOf(patchSize)
  return [Math.floor(imageSize[0] / patch[0]), Math.floor(imageSize[1] / patch[1])]
}
