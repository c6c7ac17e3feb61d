/** Scrambles 32 bits (the finaliser of Steele et al.'s SplitMix). */
export function scramble(value: number): number {
  let z = value >>> 0
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return (z ^ (z >>> 15)) >>> 0
}
