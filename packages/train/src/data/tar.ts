import { SourceError } from '@dual-encoder/core'

export interface TarFile {
  readonly name: string
  readonly data: Uint8Array
}

const BLOCK = 512

/** Takes exactly so many bytes at a time from chunks of any size. */
class Reader {
  readonly #chunks: AsyncIterator<Uint8Array>
  #held: Uint8Array = new Uint8Array()
  at = 0

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Fewer where the chunks end before. */
  async take(count: number): Promise<Uint8Array> {
    if (this.#held.length < count) {
      const parts = [this.#held]
      let length = this.#held.length
      while (length < count) {
        const { done, value } = await this.#chunks.next()
        if (done) break
        parts.push(value)
        length += value.length
      }
      this.#held = new Uint8Array(length)
      let to = 0
      for (const part of parts) {
        this.#held.set(part, to)
        to += part.length
      }
    }
    const taken = this.#held.subarray(0, count)
    this.#held = this.#held.subarray(taken.length)
    this.at += taken.length
    return taken
  }

  async close(): Promise<void> {
    await this.#chunks.return?.()
  }
}

const text = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end))
}

/** Octal digits, or base 256 where the first bit is set (GNU, for large files). */
function number(bytes: Uint8Array): number {
  if ((bytes[0]! & 0x80) === 0) return parseInt(text(bytes).trim() || '0', 8)
  return bytes.subarray(1).reduce((value, byte) => value * 256 + byte, bytes[0]! & 0x7f)
}

function checksum(header: Uint8Array): number {
  let sum = 0
  header.forEach((byte, i) => (sum += i >= 148 && i < 156 ? 32 : byte))
  return sum
}

/** `path` of a pax header: records `length key=value\n`. */
function paxPath(data: Uint8Array): string | undefined {
  for (let at = 0; at < data.length;) {
    const record = text(data.subarray(at, at + 20))
    const length = parseInt(record, 10)
    if (!(length > 0)) return undefined
    const body = new TextDecoder().decode(data.subarray(at, at + length - 1))
    const [, key, value] = /^\d+ ([^=]*)=([^]*)$/.exec(body) ?? []
    if (key === 'path') return value
    at += length
  }
  return undefined
}

/**
 * The files of a tar, one at a time as its bytes arrive (ustar, GNU and pax names).
 * @throws SourceError for one that is damaged or ends in the middle, after the files before
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>, describe: string): AsyncGenerator<TarFile> {
  const reader = new Reader(chunks)
  let longName: string | undefined
  try {
    for (;;) {
      const start = reader.at
      const header = await reader.take(BLOCK)
      if (header.length < BLOCK) throw cut(describe, reader.at)
      // Its end is a block of zeros: one that just stops has lost something.
      if (header.every((byte) => byte === 0)) return
      if (number(header.subarray(148, 156)) !== checksum(header))
        throw new SourceError('tar-damaged', `${describe}: there is no tar header at byte ${start}.`)
      const size = number(header.subarray(124, 136))
      const type = String.fromCharCode(header[156]!)
      const prefix = text(header.subarray(345, 500))
      const short = text(header.subarray(0, 100))
      const ustar = text(header.subarray(257, 263)).startsWith('ustar')
      const data = new Uint8Array(await reader.take(size))
      if (data.length < size) throw cut(describe, reader.at)
      await reader.take((BLOCK - (size % BLOCK)) % BLOCK)
      if (type === 'L') longName = text(data)
      else if (type === 'x') longName = paxPath(data) ?? longName
      else if (type !== 'g' && type !== 'K') {
        const name = longName ?? (ustar && prefix ? `${prefix}/${short}` : short)
        longName = undefined
        if (type === '0' || type === '\0' || type === '7') yield { name, data }
      }
    }
  } finally {
    await reader.close()
  }
}

const cut = (describe: string, at: number): SourceError =>
  new SourceError('tar-truncated', `${describe} ends too early, at byte ${at}.`)
