import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { ReadFile } from '@dual-encoder/core/backend'

/**
 * Reads files of this machine into buffers that are used again: as much garbage as a checkpoint is large would have the
 * collector run again and again, and stay in memory in between.
 */
export class LocalReader {
  readonly #files = new Map<string, Promise<FileHandle>>()
  readonly #buffers: Uint8Array[] = []
  #used = 0

  /** Of files elsewhere, what their source reads. */
  readonly read: ReadFile = async (location, offset, length) => {
    if (!location.local) return location.read(offset, length)
    const path = join(location.local.folder, location.local.name)
    const opening = this.#files.get(path) ?? open(path)
    this.#files.set(path, opening)
    const [file, bytes] = [await opening, this.#buffer(length)]
    for (let done = 0; done < length;) {
      const { bytesRead } = await file.read(bytes, done, length - done, offset + done)
      // It has become shorter: its source knows what to say.
      if (bytesRead === 0) return location.read(offset, length)
      done += bytesRead
    }
    return bytes
  }

  /** Nothing that was read is needed any more. */
  reuse(): void {
    this.#used = 0
  }

  #buffer(length: number): Uint8Array {
    const at = this.#used++
    const known = this.#buffers[at]
    const buffer = known && known.length >= length ? known : new Uint8Array(length)
    this.#buffers[at] = buffer
    return buffer.subarray(0, length)
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await (await file.catch(() => undefined))?.close()
  }
}
