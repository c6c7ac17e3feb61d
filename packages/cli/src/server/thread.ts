import { type MessagePort, parentPort, Worker } from 'node:worker_threads'
import { BackendError, DualEncoderError, ImageError, InputError, OptionError, TokenizerError } from '@dual-encoder/core'
import type { Engine } from './engine'

type Call = keyof Engine
type Request =
  | { readonly id: number; readonly call: Call; readonly given: readonly unknown[] }
  | { readonly id: number; readonly call: 'abort' }
interface Reply {
  readonly id: number
  readonly value?: unknown
  readonly error?: { readonly name: string; readonly code: string; readonly message: string }
}

/** Calls whose last argument is a signal, which cannot be sent to another thread. */
const SIGNALLED: readonly Call[] = ['embed', 'search']

/** Answers for an engine that another thread asks. */
export function answerEngine(engine: Promise<Engine>, port: MessagePort | null = parentPort): void {
  const aborts = new Map<number, AbortController>()
  const answer = async (ready: Engine, call: Call, given: readonly unknown[], signal: AbortSignal) => {
    const method = ready[call] as (...given: unknown[]) => Promise<unknown>
    return method(...given, ...(SIGNALLED.includes(call) ? [signal] : []))
  }
  port?.on('message', (request: Request) => {
    const { id, call } = request
    if (call === 'abort') return aborts.get(id)?.abort()
    const abort = new AbortController()
    aborts.set(id, abort)
    void engine
      .then((ready) => answer(ready, call, request.given, abort.signal))
      .then(
        (value): Reply => ({ id, value }),
        ({ name, code = 'error', message }: Error & { code?: string }): Reply => ({
          id,
          error: { name, code, message },
        }),
      )
      .then((reply) => {
        aborts.delete(id)
        port.postMessage(reply)
        if (call === 'close') port.close()
      })
  })
}

/** Errors as they were on the other thread. */
function errorOf({ name, code, message }: NonNullable<Reply['error']>): DualEncoderError {
  const types = [InputError, OptionError, ImageError, TokenizerError, BackendError]
  const type = types.find(({ kind }) => kind === name) ?? DualEncoderError
  return new type(code, message)
}

/** The engine on a thread of its own, which runs this program's file again. */
export function threadEngine(file: string, flags: object): Engine {
  const worker = new Worker(file, { workerData: { engine: flags } })
  const waiting = new Map<number, { done: (value: never) => void; fail: (error: Error) => void }>()
  let ended: Error | undefined
  const end = (error: Error) => {
    ended ??= error
    for (const { fail } of waiting.values()) fail(error)
    waiting.clear()
  }
  worker.on('message', ({ id, value, error }: Reply) => {
    const call = waiting.get(id)
    waiting.delete(id)
    if (error) call?.fail(errorOf(error))
    else call?.done(value as never)
  })
  worker.on('error', end)
  worker.on('exit', () => end(new DualEncoderError('engine-ended', 'The engine has ended.')))
  let last = 0
  const ask = <T>(call: Call, given: readonly unknown[], signal?: AbortSignal): Promise<T> =>
    new Promise<T>((done, fail) => {
      if (ended) return fail(ended)
      if (signal?.aborted) return fail(signal.reason as Error)
      const id = ++last
      const leave = () => {
        worker.postMessage({ id, call: 'abort' })
        waiting.delete(id)
        fail(signal!.reason as Error)
      }
      signal?.addEventListener('abort', leave, { once: true })
      const answered = () => signal?.removeEventListener('abort', leave)
      waiting.set(id, {
        done: (value) => (answered(), done(value)),
        fail: (error) => (answered(), fail(error)),
      })
      worker.postMessage({ id, call, given })
    })
  return {
    embed: (inputs, signal) => ask('embed', [inputs], signal),
    search: (query, options, signal) => ask('search', [query, options], signal),
    probabilities: (picture, labels) => ask('probabilities', [picture, labels]),
    close: () => ask('close', []),
  }
}
