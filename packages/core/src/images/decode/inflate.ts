/**
 * At most `limit` bytes of what a zlib stream holds.
 * @throws what the platform throws for damaged data, unless the limit came first
 */
export async function inflate(parts: readonly Uint8Array[], limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const blob = new Blob(parts as Uint8Array<ArrayBuffer>[])
  const reader = blob.stream().pipeThrough(new DecompressionStream('deflate')).getReader()
  const found: Uint8Array[] = []
  let size = 0
  try {
    while (size <= limit) {
      const { done, value } = await reader.read()
      if (done) break
      found.push(value)
      size += value.length
    }
  } finally {
    void reader.cancel().catch(() => undefined)
  }
  const result = new Uint8Array(Math.min(size, limit))
  let at = 0
  for (const part of found) {
    result.set(part.subarray(0, result.length - at), at)
    at = Math.min(at + part.length, result.length)
  }
  return result
}
