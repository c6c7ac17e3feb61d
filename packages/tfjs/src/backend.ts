import { BackendError, DualEncoderError } from '@dual-encoder/core/backend'
import { runtime } from '#runtime'
import * as tf from '@tensorflow/tfjs-core'
import { registerGradients } from './gradients'
import { BACKENDS, type TfBackend, type TfjsOptions } from './options'
import { installWasmKernels } from './wasm'

/** The backend that a model of ours made current, as opposed to the program's own choice. */
let ours: string | undefined
/** The backend that this package has started and that ends with the last model on it. */
let ending: string | undefined
/** Models, and where they run; undefined while that is being chosen. */
const users = new Map<object, string | undefined>()
/** Starts are one after the other: TensorFlow.js has one current backend. */
let last: Promise<unknown> = Promise.resolve()

/** `tf.findBackend` would start what a program has only imported, and without threads. */
const isStarted = (name: string): boolean => tf.engine().registry[name] !== undefined

/** The backend that the program itself has made current and started. */
function programs(): string | undefined {
  const current = tf.getBackend()
  return current && current !== ours && isStarted(current) ? current : undefined
}

async function start(name: TfBackend, options: TfjsOptions): Promise<void> {
  const load = runtime.load[name]
  if (!load)
    throw new BackendError(
      'backend-unavailable',
      `TensorFlow.js backend "${name}" is not to be had here. Allowed: ${Object.keys(runtime.load).join(', ')}.`,
    )
  const before = tf.getBackend()
  try {
    const loaded = await load(options)
    try {
      if (!(await tf.setBackend(name))) throw new Error('it did not start')
    } finally {
      loaded?.restore()
    }
    loaded?.started()
    if (loaded?.endsIdle) ending = name
    if (name === 'webgl' && !tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED'))
      throw new Error('this device computes in 16 bits only')
  } catch (cause) {
    if (before && isStarted(before)) await tf.setBackend(before)
    if (cause instanceof DualEncoderError) throw cause
    const reason = (cause as { message?: string }).message ?? String(cause)
    throw new BackendError('backend-failed', `TensorFlow.js backend "${name}" could not be started: ${reason}.`, {
      cause,
    })
  }
  ours = name
}

async function startBest(options: TfjsOptions): Promise<string> {
  const current = programs()
  if (current !== undefined) return current
  const failures: BackendError[] = []
  for (const name of runtime.preferred) {
    try {
      await start(name, options)
      return name
    } catch (error) {
      if (!(error instanceof BackendError)) throw error
      failures.push(error)
    }
  }
  throw new BackendError('no-backend', failures.map(({ message }) => message).join('\n'), { cause: failures[0] })
}

async function startNamed(backend: TfBackend, options: TfjsOptions): Promise<string> {
  if (!BACKENDS.includes(backend))
    throw new BackendError('backend-unavailable', `backend "${backend}": allowed are ${BACKENDS.join(', ')}.`)
  if (!isStarted(backend)) await start(backend, options)
  return backend
}

/** Starts the backend asked for, or the best there is, for `user` until it leaves. @returns its name */
export function startBackend(options: TfjsOptions, user: object = {}): Promise<string> {
  const { backend } = options
  users.set(user, undefined)
  const started = last.then(async () => {
    registerGradients()
    const name = backend === undefined ? await startBest(options) : await startNamed(backend, options)
    if (name === 'wasm') {
      makeCurrent(name)
      installWasmKernels()
    }
    return name
  })
  started.then(
    (name) => users.has(user) && users.set(user, name),
    () => users.delete(user),
  )
  last = started.catch(() => undefined)
  return started
}

/** Ends the backend that is to end with its last user, unless the program has tensors on it. It can be started anew. */
function endIdle(): void {
  if (ending === undefined || [...users.values()].some((name) => name === undefined || name === ending)) return
  const { registry, registryFactory } = tf.engine()
  const started = registry[ending]
  if (!started || started.numDataIds() > 0) return
  const { factory, priority } = registryFactory[ending]!
  tf.removeBackend(ending)
  tf.registerBackend(ending, factory, priority)
  ending = undefined
}

/** `user` runs nothing more. */
export function leaveBackend(user: object): Promise<unknown> {
  users.delete(user)
  const left = last.then(endIdle)
  last = left.catch(() => undefined)
  return left
}

/** Makes a started backend current, at once: what follows in the same turn runs on it. */
export function makeCurrent(name: string): void {
  if (tf.getBackend() === name) return
  // Of a started backend, all is done before the promise is returned.
  void tf.setBackend(name)
  ours = name
}
