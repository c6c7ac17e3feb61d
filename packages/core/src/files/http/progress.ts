import type { Progress } from '../types'
import type { Download } from './download'

/** A download's bytes, told to the caller as they come. */
export async function* reported(
  file: string,
  { answer, chunks }: Download,
  onProgress: ((progress: Progress) => void) | undefined,
): AsyncGenerator<Uint8Array> {
  const total = answer.end === undefined ? undefined : answer.end - answer.start
  let loaded = 0
  for await (const chunk of chunks) {
    loaded += chunk.length
    // CORS may hide that an answer was compressed: then that is the length before it was unpacked.
    onProgress?.({ file, loaded, total: total !== undefined && loaded > total ? undefined : total })
    yield chunk
  }
}
