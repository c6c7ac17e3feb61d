import { AutoProcessor } from '@dual-encoder/core'
import { AutoModel } from '@dual-encoder/onnx'
import { SearchIndex } from '@dual-encoder/search'

/**
 * Answers the page: `add` puts a folder that is chosen into the index, `search` finds pictures by words.
 * @param {{ handle(channel: string, listener: (event: unknown, ...given: any[]) => Promise<unknown>): void }} ipc Electron's `ipcMain`
 * @param {object} options
 * @param {string} options.model a folder, URL or name on the hub
 * @param {string} options.index where the index is kept
 * @param {() => Promise<string | undefined>} options.chooseFolder
 * @param {(progress: { done: number, total?: number }) => void} options.onProgress
 */
export function answerSearches(ipc, { model: source, index: place, chooseFolder, onProgress }) {
  const opened = open()
  async function open() {
    const [model, processor] = [await AutoModel.fromPretrained(source), await AutoProcessor.fromPretrained(source)]
    return { model, index: await SearchIndex.open(place, { model, processor, name: source }) }
  }
  ipc.handle('add', async () => {
    const folder = await chooseFolder()
    if (folder === undefined) return undefined
    const { index } = await opened
    const { added, unchanged, removed, failed } = await index.add(folder, { onProgress })
    return { added, unchanged, removed, failed: failed.map(({ id, error }) => `${id}: ${error.message}`) }
  })
  ipc.handle('search', async (_, text) => {
    // What a page says is not trusted.
    if (typeof text !== 'string' || text.trim() === '') return []
    const { index } = await opened
    return (await index.search(text, { k: 12 })).map(({ id, score }) => ({ id, score }))
  })
  return {
    async close() {
      const { model, index } = await opened
      await index.close()
      await model.dispose()
    },
  }
}
