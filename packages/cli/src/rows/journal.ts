import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { checkFingerprint, type Fingerprint } from '@dual-encoder/search'

/** Bytes `[start, end)` of a journal. */
type ByteRange = readonly [start: number, end: number]

/**
 * Embeddings that are done, in a file beside the one that they are for: a line each. What a killed process leaves is
 * whole but for its last line, which is cut off.
 */
export class Journal {
  readonly #path: string
  readonly #file: FileHandle
  readonly #ranges: Map<string, ByteRange>
  #end: number

  private constructor(path: string, file: FileHandle, ranges: Map<string, ByteRange>, end: number) {
    this.#path = path
    this.#file = file
    this.#ranges = ranges
    this.#end = end
  }

  /** @throws SourceError `wrong-model` for a journal that another model began */
  static async open(path: string, fingerprint: Fingerprint): Promise<Journal> {
    const file = await open(path, 'a+')
    try {
      const ranges = new Map<string, ByteRange>()
      let end = 0
      if ((await file.stat()).size > 0)
        for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
          const start = end
          const entry = parsed(line)
          if (!entry) break
          end += Buffer.byteLength(line) + 1
          if (entry.fingerprint) checkFingerprint(entry.fingerprint, fingerprint, path)
          if (entry.key !== undefined) ranges.set(entry.key, [start, end])
        }
      await file.truncate(Math.min(end, (await file.stat()).size))
      const journal = new Journal(path, file, ranges, (await file.stat()).size)
      if (journal.#end === 0) await journal.#append({ fingerprint })
      return journal
    } catch (error) {
      await file.close()
      throw error
    }
  }

  has(key: string): boolean {
    return this.#ranges.has(key)
  }

  async add(key: string, embedding: Float32Array): Promise<void> {
    const bytes = Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength)
    this.#ranges.set(key, await this.#append({ key, embedding: bytes.toString('base64') }))
  }

  async read(key: string): Promise<Float32Array | undefined> {
    const range = this.#ranges.get(key)
    if (!range) return undefined
    const bytes = Buffer.alloc(range[1] - range[0])
    await this.#file.read(bytes, 0, bytes.length, range[0])
    const { embedding } = JSON.parse(bytes.toString()) as { embedding: string }
    const values = Uint8Array.from(Buffer.from(embedding, 'base64'))
    return new Float32Array(values.buffer)
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  /** It has served. */
  async remove(): Promise<void> {
    await this.close()
    await rm(this.#path)
  }

  async #append(entry: object): Promise<ByteRange> {
    const line = Buffer.from(`${JSON.stringify(entry)}\n`)
    await this.#file.appendFile(line)
    const start = this.#end
    this.#end += line.length
    return [start, this.#end]
  }
}

function parsed(line: string): { key?: string; fingerprint?: Fingerprint } | undefined {
  try {
    return JSON.parse(line) as { key?: string; fingerprint?: Fingerprint }
  } catch {
    return undefined
  }
}
