/** Long work that may pause wherever it yields: done at once, or with the thread's other work between (`breathing`). */
export type Pieces<R> = Generator<undefined, R, undefined>

export function atOnce<R>(pieces: Pieces<R>): R {
  for (;;) {
    const { done, value } = pieces.next()
    if (done) return value
  }
}

/** Values of a piece: a megabyte. */
const COPIED = 2 ** 18

/** Sets values as `to.set(from)`. */
export function* copying(to: Float32Array, from: Float32Array): Pieces<Float32Array> {
  for (let start = 0; start < from.length; start += COPIED) {
    to.set(from.subarray(start, start + COPIED), start)
    yield
  }
  return to
}
