import type { Fault } from '../../tools/hub/fake-hub'

/** Mulberry32: the same faults in every run. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export const FILES: Record<string, Buffer> = {
  'config.json': Buffer.from('{"model_type":"clip"}'),
  'tokenizer.json': Buffer.alloc(3_000, 'abc'),
  'model.safetensors': Buffer.from(Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 251)),
}
const BODY_FAULTS = ['html', 'shorter', 'longer', 'swapped', 'compressed', 'plain'] as const
const STATUSES = [400, 401, 403, 404, 408, 410, 418, 429, 500, 502, 503, 504]

/** One thing that goes wrong, and how often in a row. */
export function faultOf(next: () => number): { fault: Fault; from: number; times: number } {
  const at = Math.floor(next() * 210_000)
  const kinds: Fault[] = [
    { kind: 'status', status: STATUSES[Math.floor(next() * STATUSES.length)]!, headers: { 'retry-after': '0' } },
    { kind: 'reset' },
    { kind: 'cut', at },
    { kind: 'cut', at: at % 50 },
    { kind: 'stall', at },
    { kind: BODY_FAULTS[Math.floor(next() * BODY_FAULTS.length)]! },
  ]
  return {
    fault: kinds[Math.floor(next() * kinds.length)]!,
    from: Math.floor(next() * 5),
    times: next() < 0.5 ? 1 : next() < 0.5 ? 2 : Infinity,
  }
}
