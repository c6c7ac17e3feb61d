import type { LocalFile } from '../platform/platform'
import type { Tensor } from '../base/tensor'

/** The storage types of safetensors that hold numbers. */
export type StorageType =
  'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U64' | 'U32' | 'U16' | 'U8' | 'BOOL'

/** Where a weight's raw little-endian bytes lie, in PyTorch's layout. */
export interface WeightLocation {
  /** The file's name within its source. */
  readonly file: string
  /** Byte offset and length within that file. */
  readonly offset: number
  readonly length: number
  /** Set where the file lies on this machine: an engine may map it. */
  readonly local?: LocalFile
  /** Reads `length` bytes from `offset` of the same file, for an engine that wants several weights at once. */
  read(offset: number, length: number): Promise<Uint8Array>
}

/** One weight of a checkpoint, not yet read. */
export interface WeightEntry {
  /** Its name in the model (whatever an old checkpoint calls it). */
  readonly name: string
  /** Its name in the file, where that is another framework's. */
  readonly origin?: string
  /** What was done to the file's values, in words. */
  readonly change?: string
  /** PyTorch's layout. */
  readonly shape: readonly number[]
  readonly storage: StorageType
  /** Absent where the bytes are not stored as they are needed (another format, made in memory). */
  readonly location?: WeightLocation
  /** Set where the values are computed, not stored: as the shape that the model asks for. */
  sized?(shape: readonly number[]): WeightEntry
  /** Set where the file holds int8 with scales; `read` gives float32. */
  readonly quantized?: QuantizedWeight
  /** Set where it is one of what is made together of others, which are then read in one go with their neighbours. */
  readonly made?: { readonly by: WeightRecipe; readonly index: number }
  /** The values; float storage comes as float32. */
  read(): Promise<Tensor>
}

/** What is made of weights. */
export interface WeightRecipe {
  readonly of: readonly WeightEntry[]
  /** What says how, in plain values: another thread makes the same of it. */
  readonly how: unknown
  /**
   * @param values those of `of`
   * @returns what is good until something else is made
   */
  make(values: readonly Tensor[]): readonly Tensor[]
}

/**
 * A weight as int8 `[rows, columns]`, or as bytes of which 128 is 0, and scales `[rows, 1]` or `[rows, groups]`: the value is
 * their product.
 */
export interface QuantizedWeight {
  readonly values: WeightEntry
  readonly scales: WeightEntry
}

export type Weights = ReadonlyMap<string, WeightEntry>
