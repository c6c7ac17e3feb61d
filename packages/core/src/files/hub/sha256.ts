/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4). */
const K = new Uint32Array(64)
/** The same of square roots, of the first 8. */
const INITIAL = new Uint32Array(8)

for (let candidate = 2, found = 0; found < 64; candidate++) {
  let isPrime = true
  for (let factor = 2; factor * factor <= candidate; factor++) if (candidate % factor === 0) isPrime = false
  if (!isPrime) continue
  if (found < 8) INITIAL[found] = (candidate ** (1 / 2) % 1) * 2 ** 32
  K[found++] = (candidate ** (1 / 3) % 1) * 2 ** 32
}

/** SHA-256 of bytes that come in pieces: browsers hash only what lies in memory as a whole. */
export class Sha256 {
  readonly #state = INITIAL.slice()
  readonly #block = new Uint8Array(64)
  readonly #words = new Uint32Array(64)
  #length = 0

  update(bytes: Uint8Array): this {
    let at = 0
    while (at < bytes.length) {
      const filled = this.#length % 64
      const part = bytes.subarray(at, at + 64 - filled)
      this.#block.set(part, filled)
      this.#length += part.length
      at += part.length
      if (this.#length % 64 === 0) this.#mix()
    }
    return this
  }

  hex(): string {
    const bits = this.#length * 8
    const padding = new Uint8Array(((119 - (this.#length % 64)) % 64) + 9)
    padding[0] = 0x80
    const view = new DataView(padding.buffer)
    view.setUint32(padding.length - 8, Math.floor(bits / 2 ** 32))
    view.setUint32(padding.length - 4, bits % 2 ** 32)
    this.update(padding)
    return [...this.#state].map((word) => word.toString(16).padStart(8, '0')).join('')
  }

  #mix(): void {
    const w = this.#words
    const block = this.#block
    for (let i = 0; i < 16; i++)
      w[i] = (block[4 * i]! << 24) | (block[4 * i + 1]! << 16) | (block[4 * i + 2]! << 8) | block[4 * i + 3]!
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15]!
      const y = w[i - 2]!
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
      w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0
    }
    const state = this.#state
    let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    state[0]! += a
    state[1]! += b
    state[2]! += c
    state[3]! += d
    state[4]! += e
    state[5]! += f
    state[6]! += g
    state[7]! += h
  }
}
