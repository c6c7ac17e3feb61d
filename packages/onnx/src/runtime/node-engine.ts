import type { InferenceSession, OnnxValue, Tensor as OrtTensor, TensorConstructor } from 'onnxruntime-common'
import { openThreadStore } from './node-store'
import type { Engine, Session } from './runtime'
import type { Plain, Store } from './store'

interface Thread {
  readonly store: Promise<Store>
  /** Sessions that are open on it. */
  users: number
}

/** One for all models that ask for it, while there are such: each run takes the cores that it is given anyway. */
let current: Thread | undefined
let made = 0

function forget(thread: Thread): void {
  if (current === thread) current = undefined
}

function begin(): Thread {
  const thread: Thread = { store: openThreadStore(() => forget(thread)), users: 0 }
  thread.store.catch(() => forget(thread))
  return thread
}

/** Ends a session, and the thread with the last one. */
async function leave(thread: Thread, session: string): Promise<void> {
  const store = await thread.store
  await store.close(session)
  if (--thread.users > 0) return
  forget(thread)
  await store.dispose()
}

/** The engine on a thread of its own: onnxruntime-node blocks the one that calls it. */
export function threadEngine(Tensor: TensorConstructor): Engine {
  const tensor = ({ dtype, data, dims }: Plain) => new Tensor(dtype as 'float32', data as Float32Array, dims)

  async function create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<Session> {
    const [thread, name] = [(current ??= begin()), `session ${made++}`]
    thread.users++
    const store = await thread.store
    const { inputs, outputs } = await store.open(name, model, options).catch(async (error: unknown) => {
      await leave(thread, name)
      throw error
    })
    const run: Session['run'] = async (given, fetches) => {
      const names = Array.isArray(fetches) ? (fetches as readonly string[]) : Object.keys(fetches)
      const returns = Object.fromEntries(names.map((output) => [output, undefined]))
      const feeds = Object.fromEntries(Object.entries(given).map(([input, value]) => [input, plain(value)]))
      const results = await store.run({ session: name, feeds, stores: {}, returns })
      return Object.fromEntries(Object.entries(results).map(([output, value]) => [output, tensor(value)]))
    }
    return { inputNames: inputs, outputNames: outputs, run, release: () => leave(thread, name) }
  }
  return { create, Tensor }
}

const plain = (value: OnnxValue): Plain => {
  const { type, data, dims } = value as OrtTensor
  return { dtype: type, data: data as Float32Array, dims }
}
