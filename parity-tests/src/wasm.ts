/**
 * TensorFlow.js on wasm, for suites, which run one beside the other. Its threads spin while they wait for each other: where
 * the cores are busy, with two of them a forward of a small model takes ten times the time of the processor. Threads are
 * held to the same numbers by `ops.test.ts` (each op, and its gradients), by `towers.test.ts` in Chromium, and by tests
 * of the package.
 */
export const WASM = { backend: 'wasm', threads: 1 } as const
