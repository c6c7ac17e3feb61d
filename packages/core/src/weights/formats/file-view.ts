import { CheckpointError } from '../../base/errors'
import { STAND_IN_BYTES, standInForWeights } from '../../files/stand-in'
import type { Source } from '../../files/types'

/** Structure is read through windows of this size, tensors never. */
const WINDOW = 65_536

export type Fail = (code: string, what: string) => never

/** One file of a source, read by ranges that are checked against its size before anything is allocated. */
export class FileView {
  #window: { readonly start: number; readonly bytes: Uint8Array } | undefined

  private constructor(
    private readonly source: Source,
    readonly file: string,
    readonly size: number,
    private readonly kind: string,
  ) {}

  /** undefined where the file is absent. `kind` names the format in messages. */
  static async open(source: Source, file: string, kind: string): Promise<FileView | undefined> {
    const size = (await source.locate(file))?.size ?? (await sizeOf(source, file))
    if (size === undefined) return undefined
    const view = new FileView(source, file, size, kind)
    const { buffer, byteOffset, byteLength } = await view.peek(0, Math.min(size, STAND_IN_BYTES))
    const other = standInForWeights(new Uint8Array(buffer, byteOffset, byteLength))
    return other ? view.fail(other.code, other.what) : view
  }

  get describe(): string {
    return `${this.file} of ${this.source.describe}`
  }

  locate: Source['locate'] = (name) => this.source.locate(name)

  readonly fail: Fail = (code, what) => {
    throw new CheckpointError(code, `${this.describe} is not a sound ${this.kind}: ${what}.`)
  }

  /** Exactly `length` bytes. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    this.#check(offset, length)
    if (length === 0) return new Uint8Array()
    const bytes = await this.source.read(this.file, [offset, offset + length])
    if (bytes?.length !== length)
      this.fail('truncated', `${length} bytes were asked for at ${offset}, ${bytes?.length ?? 0} came`)
    return bytes
  }

  /** A few bytes of structure, through a window that neighbours share. */
  async peek(offset: number, length: number): Promise<DataView> {
    this.#check(offset, length)
    const known = this.#window
    if (!known || offset < known.start || offset + length > known.start + known.bytes.length) {
      const bytes = await this.read(offset, Math.min(this.size - offset, Math.max(length, WINDOW)))
      this.#window = { start: offset, bytes }
    }
    const { start, bytes } = this.#window as { start: number; bytes: Uint8Array }
    return new DataView(bytes.buffer, bytes.byteOffset + offset - start, length)
  }

  #check(offset: number, length: number): void {
    if (
      !Number.isSafeInteger(offset) ||
      !Number.isSafeInteger(length) ||
      offset < 0 ||
      length < 0 ||
      offset + length > this.size
    )
      this.fail('truncated', `${length} bytes are needed at ${offset}, and it holds ${this.size}`)
  }
}

/** The size of a file behind a reader that only answers ranges: the end is found by halving. */
async function sizeOf(source: Source, file: string): Promise<number | undefined> {
  const told = await source.size?.(file)
  if (told !== undefined) return told
  const has = async (offset: number) => ((await source.read(file, [offset, offset + 1]))?.length ?? 0) > 0
  if ((await source.read(file, [0, 1])) === undefined) return undefined
  let [below, above] = [0, 1]
  while (await has(above - 1)) [below, above] = [above, above * 2]
  while (above - below > 1) {
    const middle = Math.floor((below + above) / 2)
    if (await has(middle - 1)) below = middle
    else above = middle
  }
  return below
}

/** 64-bit sizes beyond 2^53 are lies in any file: they become Infinity, which no check passes. */
export function uint64(view: DataView, at: number): number {
  const value = view.getBigUint64(at, true)
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(value)
}

export const text = (view: DataView | Uint8Array): string =>
  new TextDecoder().decode(
    view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength),
  )
