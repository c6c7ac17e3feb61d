/** Whole numbers below `limit`, the same ones in every run. */
export function generator(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

/** Bytes changed, cut off, left out or repeated; most changes hit the header. */
export function mutated(bytes: Uint8Array, random: (limit: number) => number): Uint8Array {
  const copy = bytes.slice()
  const changes = 1 + random(8)
  for (let i = 0; i < changes; i++) copy[random(random(3) ? Math.min(64, copy.length) : copy.length)] = random(256)
  const at = random(copy.length + 1)
  const kind = random(6)
  if (kind === 0) return copy.subarray(0, at)
  if (kind === 1) return Uint8Array.from([...copy.subarray(0, at), ...copy.subarray(at + random(40))])
  if (kind === 2) return Uint8Array.from([...copy.subarray(0, at), ...copy.subarray(Math.max(0, at - random(40)))])
  return copy
}
