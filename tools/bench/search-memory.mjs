// A query compared with all rows of an index in memory: its SIMD beside topK's plain loop, by turns, on one thread:
// `npm run build && node tools/bench/search-memory.mjs`.
import { tensor, topK } from '@dual-encoder/core'
import { Vectors } from '@dual-encoder/core/backend'
import { median } from './median.mjs'

const ROUNDS = Number(process.env.ROUNDS ?? 15)
const SIZE = 256

/** @param {() => void} run */
function time(run) {
  const start = performance.now()
  run()
  return performance.now() - start
}

console.log(`rows of ${SIZE}   SIMD      topK   (ms for a query; the ratio to SIMD)`)
for (const count of [1_000, 10_000, 100_000]) {
  const rows = Float32Array.from({ length: count * SIZE }, () => Math.random() - 0.5)
  const query = rows.slice(0, SIZE)
  const vectors = new Vectors(SIZE)
  for (let row = 0; row < count; row++) vectors.set(row, rows.subarray(row * SIZE, (row + 1) * SIZE))
  const runs = {
    simd: () => vectors.nearest(query, 10),
    plain: () => topK(tensor(query, [1, SIZE]), tensor(rows, [count, SIZE]), 10),
  }
  for (const run of Object.values(runs)) time(run)
  const times = { simd: [], plain: [] }
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, run] of Object.entries(runs)) times[name].push(time(run))
  const [simd, plain] = [median(times.simd), median(times.plain)]
  console.log(
    `${String(count).padEnd(12)} ${simd.toFixed(2).padStart(5)}   ${plain.toFixed(2).padStart(7)} (${(plain / simd).toFixed(2)}x)`,
  )
}
