import sharp from 'sharp'

/** Different JPEG files of one size. */
export const jpegs = (count: number, width: number, height: number): Promise<Uint8Array[]> =>
  Promise.all(
    Array.from({ length: count }, async (_, seed) => {
      const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * (seed + 3) + (i >> 7) * 31) & 255)
      return sharp(data, { raw: { width, height, channels: 3 } })
        .jpeg()
        .toBuffer()
    }),
  )
