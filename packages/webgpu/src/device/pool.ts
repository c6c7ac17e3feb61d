/** Free buffers that are kept for use again, in bytes. */
const KEPT = 128 * 2 ** 20

const keyOf = (size: number, usage: number): string => `${size}/${usage}`

/** Sizes are rounded up to four steps for each power of two, so that many lengths share few sizes. */
function bucket(size: number): number {
  if (size <= 256) return 256
  const step = 2 ** (Math.floor(Math.log2(size - 1)) - 2)
  return Math.ceil(size / step) * step
}

/**
 * Buffers by size and use, in place of TensorFlow.js's manager, whose pool is by exact size and only grows:
 * a text of each length would leave its own buffers behind.
 */
export class BufferPool {
  readonly #free = new Map<string, GPUBuffer[]>()
  /** With the generation in which each was acquired. */
  readonly #used = new Map<GPUBuffer, number>()
  #generation = 0
  /** Exact sizes, not kept when they are released: for weights. */
  exact = false
  numBytesUsed = 0
  numBytesAllocated = 0

  constructor(private readonly device: GPUDevice) {}

  acquireBuffer(wanted: number, usage: number, mappedAtCreation = false, reuse = true): GPUBuffer {
    const size = this.exact ? Math.max(16, 4 * Math.ceil(wanted / 4)) : bucket(wanted)
    const free = reuse ? this.#free.get(keyOf(size, usage))?.pop() : undefined
    const buffer = free ?? this.device.createBuffer({ size, usage, mappedAtCreation })
    if (!free) this.numBytesAllocated += size
    this.#used.set(buffer, this.#generation)
    this.numBytesUsed += size
    return buffer
  }

  releaseBuffer(buffer: GPUBuffer, reuse = true): void {
    const generation = this.#used.get(buffer)
    if (!this.#used.delete(buffer)) return
    const { size, usage } = buffer
    this.numBytesUsed -= size
    const isSound = generation === this.#generation
    if (reuse && isSound && bucket(size) === size && this.numBytesAllocated - this.numBytesUsed <= KEPT) {
      const key = keyOf(size, usage)
      const free = this.#free.get(key)
      if (free) free.push(buffer)
      else this.#free.set(key, [buffer])
      return
    }
    buffer.destroy()
    this.numBytesAllocated -= size
  }

  getNumUsedBuffers(): number {
    return this.#used.size
  }
  getNumFreeBuffers(): number {
    return [...this.#free.values()].reduce((sum, buffers) => sum + buffers.length, 0)
  }

  /** After an error of the device, any buffer may be an invalid one: none is used again once it is released. */
  distrust(): void {
    this.#generation++
    for (const buffer of [...this.#free.values()].flat()) {
      this.numBytesAllocated -= buffer.size
      buffer.destroy()
    }
    this.#free.clear()
  }

  dispose(): void {
    for (const buffer of [...this.#used.keys(), ...[...this.#free.values()].flat()]) buffer.destroy()
    this.#used.clear()
    this.#free.clear()
    this.numBytesUsed = this.numBytesAllocated = 0
  }
}
