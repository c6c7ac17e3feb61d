import { SourceError } from '../base/errors'
import { startThread, threads, turn } from './browser-threads'
import type { Platform, Spooled } from './platform'

const noFiles = (path: string): Promise<never> =>
  Promise.reject(
    new SourceError(
      'no-file-system',
      `"${path}": browsers have no folders to write to. Give a FileSystemDirectoryHandle or an object { write(name, chunks) }.`,
    ),
  )

/** A Blob, which browsers keep outside the page, and on the disk where it is large. */
async function spool(chunks: AsyncIterable<Uint8Array>): Promise<Spooled> {
  const iterator = chunks[Symbol.asyncIterator]()
  let failure: { readonly error: unknown } | undefined
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await iterator.next().catch((error: unknown) => {
        failure = { error }
        throw error
      })
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
  // Browsers say no more than "Failed to fetch" of a stream that fails.
  const blob = await new Response(stream).blob().catch((error: unknown) => {
    throw failure ? failure.error : error
  })
  const read = async (start: number, end: number) => new Uint8Array(await blob.slice(start, end).arrayBuffer())
  return { size: blob.size, read }
}

export const platform: Platform = {
  name: 'browser',
  readFile: () => Promise.resolve(undefined),
  locateFile: () => Promise.resolve(undefined),
  listFolder: noFiles,
  isFolder: () => Promise.resolve(false),
  stageFile: noFiles,
  removeFile: noFiles,
  spool,
  joinPath: (folder, name) => `${folder.replace(/\/$/, '')}/${name}`,
  turn,
  threads,
  startThread,
}
