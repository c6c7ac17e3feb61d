import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vitepress'
import { MODEL_FILES, type ModelName, MODELS, type Shipped, type ShippedPicture } from './playground/shipped.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const DRAWINGS = `${ROOT}${MODELS.emoji.folder}`
const PHOTOGRAPHS = `${ROOT}tools/demo/pictures`
const TYPES: Readonly<Record<string, string>> = { '.png': 'image/png', '.jpg': 'image/jpeg' }

const json = <T>(file: string) => JSON.parse(readFileSync(file, 'utf8')) as T

/** The drawings lie beside the small model. */
function drawings(): (ShippedPicture & { readonly from: string })[] {
  const { images, labels } = json<{ images: string[]; labels: string[] }>(`${DRAWINGS}/expected.json`)
  return images.map((name, i) => ({
    file: `playground/pictures/${name}`,
    from: `${DRAWINGS}/samples/${name}`,
    label: labels[i]!,
    credit: 'Fluent Emoji, Microsoft, MIT',
  }))
}

/** The dozen of the demo. */
export const photographs = (): (ShippedPicture & { readonly from: string })[] =>
  json<{ file: string; label: string; license: string; author: string }[]>(`${PHOTOGRAPHS}/pictures.json`).map(
    ({ file: name, label, license, author }) => ({
      file: `playground/pictures/photographs/${name}.jpg`,
      from: `${PHOTOGRAPHS}/${name}.jpg`,
      label,
      credit: `${author}, ${license}`,
    }),
  )

export const sizesOf = (model: ModelName): Record<string, number> =>
  Object.fromEntries(MODEL_FILES.map((name) => [name, statSync(`${ROOT}${MODELS[model].folder}/${name}`).size]))

/** A folder of its own for other files: a service worker that has them need not ask whether they changed. */
function folderOf(model: ModelName): string {
  const hash = createHash('sha256')
  for (const name of MODEL_FILES) hash.update(readFileSync(`${ROOT}${MODELS[model].folder}/${name}`))
  return `assets/${MODELS[model].name}.${hash.digest('hex').slice(0, 8)}/`
}

/** What the playground needs beside its code: paths under the site, and where each lies in the repository. */
function shippedFiles(): Map<string, string | Shipped> {
  const files = new Map<string, string | Shipped>()
  const models = {} as Record<ModelName, Shipped['models'][ModelName]>
  for (const model of Object.keys(MODELS) as ModelName[]) {
    const folder = folderOf(model)
    models[model] = { folder, files: sizesOf(model) }
    for (const name of MODEL_FILES) files.set(`${folder}${name}`, `${ROOT}${MODELS[model].folder}/${name}`)
  }
  const shown = (pictures: ReturnType<typeof drawings>) =>
    pictures.map(({ from, ...picture }) => {
      files.set(picture.file, from)
      return picture
    })
  const sets = { drawings: shown(drawings()), photographs: shown(photographs()) }
  return files.set('playground/shipped.json', { models, sets })
}

const contentOf = (from: string | Shipped): Uint8Array | string =>
  typeof from === 'string' ? readFileSync(from) : JSON.stringify(from)

/** The models and the pictures beside the site's pages, in development and in what is built. */
export const withShippedFiles: Plugin = {
  name: 'shipped-files',
  configureServer({ middlewares, config }) {
    const files = shippedFiles()
    middlewares.use((request, response, next) => {
      const path = decodeURIComponent((request.url ?? '').split('?')[0]!).slice(config.base.length)
      const from = files.get(path)
      if (from === undefined) return next()
      response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream')
      response.end(contentOf(from))
    })
  },
  generateBundle(options) {
    // The server's bundle has no use for them.
    if (/\.temp\b/.test(options.dir ?? '')) return
    for (const [fileName, from] of shippedFiles()) this.emitFile({ type: 'asset', fileName, source: contentOf(from) })
  },
}
