/** What Pillow reads, some of it in wrong colours. */
export const UNSUPPORTED: Record<string, RegExp> = {
  'rgb-zstd': /ZSTD compression/,
  'rgb-lzma': /LZMA compression/,
  lab: /LAB colours/,
  'ycc-deflate-44': /subsampled by 4x4/,
  ...Object.fromEntries(
    ['planar16-raw-ii', 'planar16-raw-mm', 'deflate16-signed-mm', 'deflate32f-mm', 'deflate32i-mm'].map((name) => [
      name,
      /16|32 bits/,
    ]),
  ),
  ...Object.fromEntries(
    ['planar-white-raw', 'planar-white-tiles-raw', 'planar-reversed-raw', 'planar-unnamed-tiles-raw'].map((name) => [
      name,
      /in planes/,
    ]),
  ),
  'predicted32-mm': /32 bits \(signed\)/,
  'predicted-float-mm': /32 bits \(float\)/,
}

/** What Pillow makes an incomplete picture of. */
export const DAMAGED = [
  'strips-short-raw',
  ...[0, 1, 2].flatMap((place) => [1, 255].map((flip) => `damaged-group4-${place}-${flip}`)),
]

/** What Pillow refuses though it is sound, and a file of the same picture. */
export const READ: Record<string, string> = {
  'big-mm-raw': 'big-raw',
  'big-mm-deflate': 'big-deflate',
  'palette1-reversed': 'palette1',
  'palette2-reversed': 'palette2',
  'palette4-reversed': 'palette4',
  'planar-extra-0-raw': 'planar-extra-0-deflate',
  'white8-reversed-ii': 'white8-ii',
  'white8-reversed-mm': 'white8-mm',
  'ycc-planar': 'ycc',
}

/** Files of `tiff.json` that are not Pillow's to the byte. */
export const DIFFERENT: readonly string[] = [...Object.keys(UNSUPPORTED), ...DAMAGED, ...Object.keys(READ)]
