import { convert, readSafetensors } from '@dual-encoder/core'
import { openTarget } from '@dual-encoder/core/backend'

async function namesOf(folder: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = []
  for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name)
  return names.sort()
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error as { code?: unknown }).code ?? String(error),
  )

export const checks = {
  /** Saves a served checkpoint into a folder of the browser, over itself in shards, and back into one file. */
  async saves(model: string) {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('model', { create: true })
    await convert(model, folder)
    const whole = await namesOf(folder)
    await convert(folder, folder, { maxShardSize: 500_000 })
    const sharded = await namesOf(folder)
    await convert(folder, folder)
    const again = await namesOf(folder)
    const file = await (await folder.getFileHandle('model.safetensors')).getFile()
    const [saved, served] = [
      await readSafetensors(new Uint8Array(await file.arrayBuffer())),
      await readSafetensors(`${model}/model.safetensors`),
    ]
    const different = [...served].filter(([name, { data }]) => String(saved.get(name)?.data) !== String(data))
    return { whole, sharded, again, weights: [saved.size, served.size], different: different.map(([name]) => name) }
  },

  /** A write that fails leaves the file as it was, or none. */
  async keepsTheOldFile() {
    const folder = await navigator.storage.getDirectory()
    const target = await openTarget(folder)
    await target.write('a.txt', [new TextEncoder().encode('old')])
    const failing = function* () {
      yield new TextEncoder().encode('new')
      throw new Error('stopped')
    }
    const failed = await target.write('a.txt', failing()).catch((error: unknown) => (error as Error).message)
    const alsoFailed = await target.write('b.txt', failing()).catch((error: unknown) => (error as Error).message)
    const names = await namesOf(folder)
    return [
      failed,
      alsoFailed,
      await (await (await folder.getFileHandle('a.txt')).getFile()).text(),
      names.includes('b.txt'),
    ]
  },

  /** Paths mean nothing here. */
  async paths() {
    return [
      await codeOf(readSafetensors('./model/model.safetensors')),
      await codeOf(convert('./model', { write: () => Promise.resolve() })),
      await codeOf(openTarget('./model').then((target) => target.write('config.json', []))),
      await codeOf(openTarget('./model').then((target) => target.write('../config.json', []))),
    ]
  },
}

export type Checks = typeof checks
Object.assign(globalThis, { checks })
