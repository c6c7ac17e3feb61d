import type { FileView } from './file-view'
import { text } from './file-view'

/**
 * A scanner of MessagePack that keeps places instead of values: a checkpoint of any size is indexed
 * in a few reads, and a tensor is read when it is asked for. (A decoder such as @msgpack/msgpack takes
 * the whole file as one buffer and returns every value: twice the file in memory, and no tower alone.)
 */
export type Token =
  | { readonly kind: 'map' | 'array'; readonly count: number }
  | { readonly kind: 'string' | 'binary'; readonly offset: number; readonly length: number }
  | { readonly kind: 'extension'; readonly type: number; readonly offset: number; readonly length: number }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'other'; readonly value: null | boolean }

export class MsgpackScanner {
  constructor(
    private readonly view: FileView,
    public at: number,
    private readonly end: number,
  ) {}

  get done(): boolean {
    return this.at >= this.end
  }

  /** The next value's head. Behind a string, binary or extension `at` is past its bytes. */
  async next(): Promise<Token> {
    const { view } = this
    const byte = (await this.#take(1)).getUint8(0)
    if (byte < 0x80) return { kind: 'number', value: byte }
    if (byte < 0x90) return this.#container('map', byte & 0x0f)
    if (byte < 0xa0) return this.#container('array', byte & 0x0f)
    if (byte < 0xc0) return this.#bytes('string', byte & 0x1f)
    if (byte >= 0xe0) return { kind: 'number', value: byte - 256 }
    switch (byte) {
      case 0xc0:
        return { kind: 'other', value: null }
      case 0xc2:
      case 0xc3:
        return { kind: 'other', value: byte === 0xc3 }
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#bytes('binary', await this.#size(byte - 0xc4))
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(await this.#size(byte - 0xc7))
      case 0xca:
        return { kind: 'number', value: (await this.#take(4)).getFloat32(0) }
      case 0xcb:
        return { kind: 'number', value: (await this.#take(8)).getFloat64(0) }
      case 0xcc:
      case 0xcd:
      case 0xce:
        return { kind: 'number', value: await this.#size(byte - 0xcc) }
      case 0xcf:
        return { kind: 'number', value: Number((await this.#take(8)).getBigUint64(0)) }
      case 0xd0:
        return { kind: 'number', value: (await this.#take(1)).getInt8(0) }
      case 0xd1:
        return { kind: 'number', value: (await this.#take(2)).getInt16(0) }
      case 0xd2:
        return { kind: 'number', value: (await this.#take(4)).getInt32(0) }
      case 0xd3:
        return { kind: 'number', value: Number((await this.#take(8)).getBigInt64(0)) }
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#bytes('string', await this.#size(byte - 0xd9))
      case 0xdc:
      case 0xdd:
        return this.#container('array', await this.#size(byte - 0xdc + 1))
      case 0xde:
      case 0xdf:
        return this.#container('map', await this.#size(byte - 0xde + 1))
    }
    if (byte >= 0xd4 && byte <= 0xd8) return this.#extension(2 ** (byte - 0xd4))
    return view.fail('bad-msgpack', `byte 0x${byte.toString(16)} at ${this.at - 1} begins no value`)
  }

  async string(token: Token): Promise<string> {
    if (token.kind !== 'string' && token.kind !== 'binary')
      return this.view.fail('bad-msgpack', `a name was expected before byte ${this.at}, and a ${token.kind} is there`)
    return text(await this.view.peek(token.offset, token.length))
  }

  async #take(length: number): Promise<DataView> {
    if (this.at + length > this.end)
      this.view.fail('truncated', `a value needs ${length} bytes at ${this.at}, and its container ends at ${this.end}`)
    const bytes = await this.view.peek(this.at, length)
    this.at += length
    return bytes
  }

  /** An unsigned size of 1, 2 or 4 bytes. */
  async #size(power: number): Promise<number> {
    const bytes = await this.#take(2 ** power)
    return power === 0 ? bytes.getUint8(0) : power === 1 ? bytes.getUint16(0) : bytes.getUint32(0)
  }

  /** A container needs a byte for each value at least: a count beyond that is a lie. */
  #container(kind: 'map' | 'array', count: number): Token {
    if (count * (kind === 'map' ? 2 : 1) > this.end - this.at)
      this.view.fail(
        'truncated',
        `a ${kind} of ${count} values is announced at ${this.at}, and ${this.end - this.at} bytes are left`,
      )
    return { kind, count }
  }

  #bytes(kind: 'string' | 'binary', length: number): Token {
    return { kind, offset: this.#skip(length), length }
  }

  async #extension(length: number): Promise<Token> {
    const type = (await this.#take(1)).getInt8(0)
    return { kind: 'extension', type, offset: this.#skip(length), length }
  }

  #skip(length: number): number {
    const offset = this.at
    if (offset + length > this.end)
      this.view.fail('truncated', `${length} bytes are announced at ${offset}, and ${this.end - offset} are left`)
    this.at += length
    return offset
  }
}
