import os from 'node:os'
import { Worker } from 'node:worker_threads'
import { giveEngineScript } from './engine-script'

/*
 * TensorFlow.js 4.22 has threads for browsers only. Its workers are `blob:` URLs, which Node's do not take, and they
 * read the engine's script by `importScripts`, which Node has not.
 */
const BOOT = `
const load = require
const threads = load('node:worker_threads')
let receive
let script = ''
const port = {
  on: (_, listener) => { receive = listener },
  postMessage: (message) => threads.parentPort.postMessage(message),
}
// The engine's code assigns these, and Deno's are getters.
for (const name of ['self', 'location'])
  Object.defineProperty(globalThis, name, { value: globalThis[name], configurable: true, writable: true })
const within = (name) => (name === 'worker_threads' ? { ...threads, parentPort: port } : load(name))
let last = threads.workerData.text().then((code) => {
  new Function('require', '__filename', code)(within, __filename)
  globalThis.importScripts = () => (0, eval)(script)
})
threads.parentPort.on('message', (message) => {
  last = last.then(async () => {
    if (message.cmd === 'load') {
      script = await message.urlOrBlob.text()
      message.urlOrBlob = 'script'
    }
    receive(message)
  })
})
`

/**
 * Lets the engine start `count` threads until the function returned is called. The threads do not keep the process
 * alive. What it changes of the process is as before afterwards.
 */
export function allowThreads(count: number): () => void {
  const blobs = new Map<string, Blob>()
  class Thread extends Worker {
    constructor(url: string) {
      super(BOOT, { eval: true, workerData: blobs.get(url) })
      super.unref()
    }
    override ref(): void {}
  }
  const takeBack = giveEngineScript()
  const { createObjectURL } = URL
  URL.createObjectURL = (blob: Blob) => {
    const url = createObjectURL(blob)
    blobs.set(url, blob)
    return url
  }
  const before = Object.getOwnPropertyDescriptor(globalThis, 'Worker')
  // The engine sets it to Node's own.
  Object.defineProperty(globalThis, 'Worker', { configurable: true, get: () => Thread, set: () => undefined })
  // It takes no more threads than half the processors.
  const { cpus } = os
  os.cpus = () => Array.from({ length: 2 * count }, () => cpus()[0] as os.CpuInfo)
  return () => {
    os.cpus = cpus
    URL.createObjectURL = createObjectURL
    takeBack()
    if (before) Object.defineProperty(globalThis, 'Worker', before)
    else delete (globalThis as { Worker?: unknown }).Worker
  }
}
