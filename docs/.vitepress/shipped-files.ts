import { readFileSync, statSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vitepress'
import { SHIPPED, type Shipped } from './playground/shipped.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const MODEL = `${ROOT}${SHIPPED.folder}`
const PHOTOGRAPHS = `${ROOT}tools/demo/pictures`
const TYPES: Readonly<Record<string, string>> = { '.png': 'image/png', '.jpg': 'image/jpeg' }

const json = <T>(file: string) => JSON.parse(readFileSync(file, 'utf8')) as T

/** What the playground needs beside its code: paths under the site, and where each lies in the repository. */
function shippedFiles(): Map<string, string | Shipped> {
  const files = new Map<string, string | Shipped>()
  for (const name of SHIPPED.files) files.set(`playground/model/${name}`, `${MODEL}/${name}`)
  const { images, labels } = json<{ images: string[]; labels: string[] }>(`${MODEL}/expected.json`)
  const drawings = images.map((name, i) => {
    const file = `playground/pictures/${name}`
    files.set(file, `${MODEL}/samples/${name}`)
    return { file, label: labels[i]!, credit: 'Fluent Emoji, Microsoft, MIT' }
  })
  const photographs = json<{ file: string; label: string; license: string; author: string }[]>(
    `${PHOTOGRAPHS}/pictures.json`,
  ).map(({ file: name, label, license, author }) => {
    const file = `playground/pictures/photographs/${name}.jpg`
    files.set(file, `${PHOTOGRAPHS}/${name}.jpg`)
    return { file, label, credit: `${author}, ${license}` }
  })
  const sizes = Object.fromEntries(SHIPPED.files.map((name) => [name, statSync(`${MODEL}/${name}`).size]))
  const { name, about, template, pictures } = SHIPPED
  const shipped = { name, about, template, pictures, files: sizes, sets: { drawings, photographs } }
  return files.set('playground/shipped.json', shipped)
}

const contentOf = (from: string | Shipped): Uint8Array | string =>
  typeof from === 'string' ? readFileSync(from) : JSON.stringify(from)

/** The model and the pictures beside the site's pages, in development and in what is built. */
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
