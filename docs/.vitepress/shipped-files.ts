import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { zipSync } from 'fflate'
import type { Plugin } from 'vitepress'
import { sharp } from '../../tools/sharp.mjs'
import { MODEL_FILES, type ModelName, MODELS, type Shipped, type ShippedPicture } from './playground/shipped.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const DRAWINGS = `${ROOT}${MODELS.emoji.folder}`
const PHOTOGRAPHS = `${ROOT}tools/demo/pictures`
const TYPES: Readonly<Record<string, string>> = { '.png': 'image/png', '.jpg': 'image/jpeg', '.zip': 'application/zip' }

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

/** The dozen of the demo; the first page shows them as squares of `THUMBNAIL` pixels. */
export const photographs = (): (ShippedPicture & { readonly from: string; readonly thumbnail: string })[] =>
  json<{ file: string; label: string; license: string; author: string }[]>(`${PHOTOGRAPHS}/pictures.json`).map(
    ({ file: name, label, license, author }) => ({
      file: `playground/pictures/photographs/${name}.jpg`,
      thumbnail: `playground/pictures/thumbnails/${name}.jpg`,
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

/** The folder that blocks of the guides load, with its pictures: what somebody who has the site alone unpacks. */
function zipped(folder: string, name: string): Uint8Array {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map((entry) => `${entry.parentPath}/${entry.name}`)
  const within = (path: string) => `${name}/${path.slice(folder.length + 1).replaceAll('\\', '/')}`
  return zipSync(Object.fromEntries(paths.map((path) => [within(path), new Uint8Array(readFileSync(path))])), {
    mtime: '2026-01-01',
  })
}

/** For screens of two pixels to one. */
const THUMBNAIL = 128
const square = (file: string): Promise<Uint8Array> =>
  sharp(file).resize(THUMBNAIL, THUMBNAIL).jpeg({ quality: 80 }).toBuffer()

/** What lies somewhere: a copy of a file, or what is made. */
type Content = string | Shipped | Uint8Array | (() => Promise<Uint8Array>)

/** What the playground and the guides need beside the site's code, by their paths under the site. */
function shippedFiles(): Map<string, Content> {
  const files = new Map<string, Content>()
  const models = {} as Record<ModelName, Shipped['models'][ModelName]>
  for (const model of Object.keys(MODELS) as ModelName[]) {
    const folder = folderOf(model)
    models[model] = { folder, files: sizesOf(model) }
    for (const name of MODEL_FILES) files.set(`${folder}${name}`, `${ROOT}${MODELS[model].folder}/${name}`)
  }
  const shown = (pictures: ReturnType<typeof drawings>) =>
    pictures.map(({ from, file, label, credit }) => {
      files.set(file, from)
      return { file, label, credit }
    })
  for (const { thumbnail, from } of photographs()) files.set(thumbnail, () => square(from))
  // What the model names well stands first: the playground begins with it.
  const firstIsACat = photographs().sort((a, b) => Number(b.label === 'a cat') - Number(a.label === 'a cat'))
  const sets = { drawings: shown(drawings()), photographs: shown(firstIsACat) }
  files.set('emoji-vit-bert.zip', zipped(DRAWINGS, 'emoji-vit-bert'))
  return files.set('playground/shipped.json', { models, sets })
}

async function contentOf(from: Content): Promise<Uint8Array | string> {
  if (typeof from === 'string') return readFileSync(from)
  if (typeof from === 'function') return from()
  return from instanceof Uint8Array ? from : JSON.stringify(from)
}

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
      contentOf(from).then((content) => response.end(content), next)
    })
  },
  async generateBundle(options) {
    // The server's bundle has no use for them.
    if (/\.temp\b/.test(options.dir ?? '')) return
    for (const [fileName, from] of shippedFiles())
      this.emitFile({ type: 'asset', fileName, source: await contentOf(from) })
  },
}
