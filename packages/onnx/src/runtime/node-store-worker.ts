import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type OrtNode from 'onnxruntime-node'
import type { StoreAnswer, StoreRequest } from './store'
import { TensorStore } from './tensor-store'

// A script that is no file finds no packages by their names.
const { InferenceSession, Tensor } = createRequire(workerData as string)(workerData as string) as typeof OrtNode

const store = new TensorStore({ create: (model, options) => InferenceSession.create(model, options), Tensor })

/** Arrays that are copies made for the answer. */
const buffersOf = (value: unknown): ArrayBuffer[] =>
  Object.values((value ?? {}) as object).flatMap((item: { data?: Float32Array<ArrayBuffer> }) =>
    item.data instanceof Float32Array ? [item.data.buffer] : [],
  )

parentPort!.on('message', ({ id, call, args, lent }: StoreRequest) => {
  const method = store[call] as (...args: readonly unknown[]) => Promise<unknown>
  method.apply(store, args as unknown[]).then(
    (value) => parentPort!.postMessage({ id, value, lent } satisfies StoreAnswer, [...buffersOf(value), ...lent]),
    (error: unknown) =>
      parentPort!.postMessage({ id, error: (error as Error).message, lent } satisfies StoreAnswer, lent),
  )
})
