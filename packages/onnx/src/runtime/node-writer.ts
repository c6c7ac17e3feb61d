import { open } from 'node:fs/promises'

/** Writes a file while more is made. */
export interface Writer {
  /** Copied: what comes next may lie where these bytes do. @returns where they will be */
  add(bytes: Uint8Array): number
  /** Writes what was added, once that of the turn before is written. */
  turn(): Promise<void>
  close(): Promise<void>
}

export async function openWriter(path: string): Promise<Writer> {
  const file = await open(path, 'wx')
  /** One is filled while the other is written. */
  let [page, other] = [new Uint8Array(0), new Uint8Array(0)]
  let [filled, offset] = [0, 0]
  let writing: Promise<void> = Promise.resolve()

  async function write(bytes: Uint8Array, at: number): Promise<void> {
    for (let done = 0; done < bytes.length;)
      done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten
  }
  async function turn(): Promise<void> {
    await writing
    writing = write(page.subarray(0, filled), offset)
    // Whoever comes next hears of it.
    writing.catch(() => undefined)
    offset += filled
    filled = 0
    ;[page, other] = [other, page]
  }
  return {
    add(bytes) {
      const size = filled + bytes.length
      if (size > page.length) {
        const longer = new Uint8Array(Math.max(size, 2 * page.length))
        longer.set(page.subarray(0, filled))
        page = longer
      }
      page.set(bytes, filled)
      filled = size
      return offset + size - bytes.length
    },
    turn,
    async close() {
      try {
        await turn()
        await writing
      } finally {
        await file.close()
      }
    },
  }
}
