import { OptionError } from '@dual-encoder/core/backend'
import type { Env } from 'onnxruntime-common'
import type { OnnxOptions } from '../options'

/** The two builds of onnxruntime-web that are used here. */
export type Build = 'wasm' | 'webgpu'
type Asked = Pick<OnnxOptions, 'threads' | 'wasmPaths'>

/** onnxruntime-web's script and module for each build, where bundlers put files that a package names. */
const FILES = {
  wasm: () => ({
    mjs: new URL('onnxruntime-web/ort-wasm-simd-threaded.mjs', import.meta.url),
    wasm: new URL('onnxruntime-web/ort-wasm-simd-threaded.wasm', import.meta.url),
  }),
  webgpu: () => ({
    mjs: new URL('onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs', import.meta.url),
    wasm: new URL('onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm', import.meta.url),
  }),
}

async function isScript(url: URL): Promise<boolean> {
  const response = await fetch(url, { method: 'HEAD' }).catch(() => undefined)
  return response?.ok === true && /javascript/.test(response.headers.get('content-type') ?? '')
}

/**
 * Whether the engine may have threads here, and finds the script that each of them starts from. Within a bundle that may
 * be a script that imports the page's own, and the thread would wait for a document for ever: they get a file of its own.
 */
async function canStartThreads(build: Build, flags: Env.WebAssemblyFlags, hasPaths: boolean): Promise<boolean> {
  if (!globalThis.crossOriginIsolated || hasPaths) return globalThis.crossOriginIsolated
  const files = FILES[build]()
  if (!(await isScript(files.mjs))) return false
  flags.wasmPaths = files
  return true
}

async function start(build: Build, flags: Env.WebAssemblyFlags, { threads, wasmPaths }: Asked): Promise<number> {
  if (wasmPaths !== undefined) flags.wasmPaths = wasmPaths
  // As onnxruntime-web counts by itself, but for pages that cannot have more than one.
  const wanted = threads ?? Math.min(4, Math.ceil((navigator.hardwareConcurrency || 1) / 2))
  const hasThreads = wanted > 1 && (await canStartThreads(build, flags, wasmPaths !== undefined))
  if (threads !== undefined && threads > 1 && !hasThreads)
    throw new OptionError(
      'no-threads',
      `threads: ${threads}: ONNX Runtime has one thread in this page. More of them need ` +
        (globalThis.crossOriginIsolated
          ? 'the files of onnxruntime-web beside the page, where no bundler has put them: name their folder in wasmPaths.'
          : 'a cross-origin isolated page: serve it with the headers Cross-Origin-Opener-Policy: same-origin and ' +
            'Cross-Origin-Embedder-Policy: require-corp.'),
    )
  return (flags.numThreads = hasThreads ? wanted : 1)
}

const started = new Map<Build, Promise<number>>()

/** Sets threads and files before the engine starts, which it does once in a page: with the first model. */
export async function startThreads(build: Build, { wasm: flags }: Env, asked: Asked): Promise<void> {
  const starting = started.get(build) ?? start(build, flags, asked)
  started.set(build, starting)
  const threads = await starting.catch((error: unknown) => {
    // Nothing has started: the next model may ask for something else.
    started.delete(build)
    throw error
  })
  if (asked.threads === undefined || asked.threads === threads) return
  throw new OptionError(
    'threads-started',
    `threads: ${asked.threads}: ONNX Runtime has started in this page with ${threads}, as its first model asked or by ` +
      'default. Give every model of the page the same number.',
  )
}
