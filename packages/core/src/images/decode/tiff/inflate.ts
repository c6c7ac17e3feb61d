import { damaged } from './errors'

/** The first `size` bytes of a zlib stream, whose checksum has to be right. */
export async function inflate(bytes: Uint8Array, size: number): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('deflate'))
  const reader = stream.getReader()
  const result = new Uint8Array(size)
  let at = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      const part = value.subarray(0, size - at)
      result.set(part, at)
      at += part.length
      if (part.length < value.length) break
    }
  } catch (cause) {
    throw damaged('its compressed data are wrong', cause)
  } finally {
    void reader.cancel().catch(() => undefined)
  }
  if (at < size) throw damaged('it ends too early')
  return result
}
