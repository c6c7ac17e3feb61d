// node photo-search.mjs ./my-model ./pictures "a red bird" "a slice of pizza"
// bun photo-search.mjs ... or deno run -A photo-search.mjs ... do the same.
import { basename } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { AutoProcessor } from '@dual-encoder/core'
import { AutoModel } from '@dual-encoder/onnx'
import { SearchIndex } from '@dual-encoder/search'

/**
 * The three pictures of a folder that are nearest to each text, a line each.
 * @param {string} source a folder, URL or name on the hub
 * @param {string} pictures
 * @param {readonly string[]} texts
 */
export async function* photoSearch(source, pictures, texts) {
  const model = await AutoModel.fromPretrained(source)
  const processor = await AutoProcessor.fromPretrained(source)
  // A folder in place of 'memory:' keeps the index for the next time (with LanceDB installed).
  const index = await SearchIndex.open('memory:', { model, processor })
  const { added, failed } = await index.add(pictures)
  yield `${added} pictures, ${failed.length} that cannot be read`
  for (const text of texts)
    for (const { id, score } of await index.search(text, { k: 3 })) yield `${text}: ${basename(id)} ${score.toFixed(3)}`
  await model.dispose()
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [source, pictures, ...texts] = process.argv.slice(2)
  if (!source || !pictures) throw new Error('usage: photo-search.mjs MODEL FOLDER TEXT...')
  for await (const line of photoSearch(source, pictures, texts)) process.stdout.write(`${line}\n`)
}
