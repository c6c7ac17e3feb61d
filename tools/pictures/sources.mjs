// Where pictures come from. Each source gives drawings with a label, tags and where its licence stands.
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { cleaned } from './captions.mjs'
import { debianPackage, npmPackage, pythonPackage } from './packages.mjs'

/**
 * @typedef {object} Picture
 * @property {string} key unique, of path characters
 * @property {string | Buffer} picture a file, or an SVG's bytes
 * @property {string} label what it shows
 * @property {string[]} tags
 * @property {{ package: string, license: string, author: string, url?: string }} origin
 * @property {Record<string, string>} [translations] the label by language
 * @property {'drawing' | 'photograph' | 'surface'} [kind] by default a drawing, of a thing that stands on white
 */

const SETS = ['twemoji', 'noto', 'noto-v1', 'openmoji', 'emojione', 'emojione-v1', 'fxemoji', 'streamline-emojis']
/** Never trained on. */
export const JUDGING_SET = 'fluent-emoji-flat'
/** emojibase's group of parts such as skin tones and hair, which are no pictures of their own. */
const COMPONENTS = 2

/** @param {string} file */
const json = async (file) => JSON.parse(await readFile(file, 'utf8'))

/** Icon sets name an emoji by its label. @param {string} label */
const slugOf = (label) =>
  label
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}|[’'“”.!:()]/gu, '')
    .replaceAll('&', 'and')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')

/** @param {string} set @returns {Promise<Picture[]>} */
export async function emojiSet(set) {
  const [folder, base] = await Promise.all([npmPackage(`@iconify-json/${set}`), npmPackage('emojibase-data')])
  const [icons, info, labels] = await Promise.all([
    json(`${folder}/icons.json`),
    json(`${folder}/info.json`),
    json(`${base}/en/data.json`),
  ])
  /** @type {Record<string, string>} */
  const byCode = existsSync(`${folder}/chars.json`) ? await json(`${folder}/chars.json`) : {}
  const squeezed = Object.fromEntries(Object.keys(icons.icons).map((name) => [name.replaceAll('-', ''), name]))
  const iconOf = (/** @type {string} */ name) => icons.icons[name] ?? icons.icons[icons.aliases?.[name]?.parent]
  /** @type {Picture[]} */
  const pictures = []
  for (const { label, tags = [], group, hexcode } of labels) {
    if (group === undefined || group === COMPONENTS) continue
    const slug = slugOf(label)
    const code = hexcode.toLowerCase()
    const names = [slug, byCode[code], byCode[code.replaceAll('-fe0f', '')], squeezed[slug.replaceAll('-', '')]]
    const icon = names.map((name) => name && iconOf(name)).find(Boolean)
    if (!icon) continue
    const { left = 0, top = 0, width = icons.width ?? 16, height = icons.height ?? 16, body } = icon
    pictures.push({
      key: `${set}/${code}`,
      picture: Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${SIDE}" height="${SIDE}" viewBox="${left} ${top} ${width} ${height}">${body}</svg>`,
      ),
      label,
      tags,
      origin: {
        package: `@iconify-json/${set}`,
        license: info.license.spdx ?? info.license.title,
        author: info.author.name,
        url: info.author.url,
      },
    })
  }
  return pictures
}
/** Pixels that an SVG is drawn at. */
const SIDE = 256

export const emojiSets = async () => (await Promise.all(SETS.map(emojiSet))).flat()

/** @param {string} folder @param {RegExp} ending */
const filesOf = async (folder, ending) =>
  (await readdir(folder, { recursive: true })).filter((name) => ending.test(name)).sort()

/** @type {Record<string, string>} */
const ENTITIES = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

/** @param {string} markup */
const unescaped = (markup) =>
  markup
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replace(/&#x([\da-f]+);/gi, (_, code) => String.fromCodePoint(parseInt(code, 16)))
    .replace(/&(lt|gt|quot|apos|amp);/g, (_, name) => ENTITIES[name] ?? '')
    .replace(/\s+/g, ' ')
    .trim()

/** Title, subjects and author of an SVG's RDF. @param {string} svg */
function metadataOf(svg) {
  const between = (/** @type {string} */ tag) => new RegExp(`<${tag}[^>]*>(.*?)</${tag}>`, 's').exec(svg)?.[1] ?? ''
  const title = (/** @type {string} */ within) => /<dc:title[^>]*>(.*?)<\/dc:title>/s.exec(within)?.[1] ?? ''
  return {
    title: unescaped(title(svg)),
    tags: [...between('dc:subject').matchAll(/<rdf:li[^>]*>(.*?)<\/rdf:li>/gs)].map(([, tag]) => unescaped(tag ?? '')),
    author: unescaped(title(between('dc:creator'))),
  }
}

/** @returns {Promise<Picture[]>} */
export async function openclipart() {
  const [png, svg] = await Promise.all([debianPackage('openclipart-png'), debianPackage('openclipart-svg')])
  const [drawings, sources] = [`${png}/usr/share/openclipart/png`, `${svg}/usr/share/openclipart/svg`]
  const sourceOf = new Map(
    (await filesOf(sources, /\.svg(z|\.gz)?$/)).map((name) => [name.replace(/\.svg(z|\.gz)?$/, ''), name]),
  )
  /** @type {Picture[]} */
  const pictures = []
  for (const name of await filesOf(drawings, /\.png$/)) {
    const key = name.slice(0, -'.png'.length)
    const source = sourceOf.get(key)
    const bytes = source ? await readFile(`${sources}/${source}`) : undefined
    const markup = bytes ? (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString() : ''
    const { title, tags, author } = metadataOf(markup)
    pictures.push({
      key: `openclipart/${key}`,
      picture: `${drawings}/${name}`,
      ...cleaned({ key, title, tags }),
      origin: { package: 'openclipart-png', license: 'public domain', author: author || 'unknown' },
    })
  }
  return pictures
}

/** Stamps of Tux Paint without symbols, as photographs and drawings with a sentence in many languages; only judges. */
export async function stamps() {
  const folder = `${await debianPackage('tuxpaint-stamps-default')}/usr/share/tuxpaint/stamps`
  const names = await filesOf(folder, /\.(png|svg)$/)
  /** @type {Picture[]} */
  const pictures = []
  for (const name of names) {
    const stem = name.slice(0, -'.png'.length)
    if (name.startsWith('symbols/') || !existsSync(`${folder}/${stem}.txt`)) continue
    if (name.endsWith('.png') && names.includes(`${stem}.svg`)) continue
    const [english = '', ...others] = (await readFile(`${folder}/${stem}.txt`, 'utf8')).split('\n')
    const translations = Object.fromEntries(
      others.flatMap((line) => {
        const [, language, sentence] = /^([\w@]+)\.utf8=(.*)$/.exec(line) ?? []
        return language && sentence ? [[language, sentenceOf(sentence)]] : []
      }),
    )
    pictures.push({
      key: `stamps/${stem}`,
      picture: `${folder}/${name}`,
      label: sentenceOf(english),
      tags: stem.split('/').slice(0, -1),
      origin: { package: 'tuxpaint-stamps-default', license: 'GPL-2', author: 'Tux Paint contributors' },
      translations,
    })
  }
  return pictures
}

/** The first sentence, without what stands in brackets. @param {string} caption */
const sentenceOf = (caption) =>
  caption
    .replace(/\s*\(.*?\)/g, '')
    .split(/[.!。—]/)[0]
    ?.trim()
    .toLowerCase() ?? ''

/** Photographs with the label that tells them apart; named before training, never trained on. */
export async function photographs() {
  /** @type {Record<string, Record<string, string>>} */
  const lists = await json(new URL('photographs.json', import.meta.url).pathname)
  const folders = { 'scikit-image': pythonPackage }
  return (
    await Promise.all(
      Object.entries(lists).map(async ([name, { folder: inside = '', license = '', author = '', ...labels }]) => {
        const folder = await (folders[/** @type {'scikit-image'} */ (name)] ?? debianPackage)(name)
        return Object.entries(labels).map(([file, label]) => ({
          key: `photographs/${name}/${file}`,
          picture: `${folder}/${inside}/${file}`,
          label,
          tags: [],
          kind: /** @type {const} */ ('photograph'),
          origin: { package: name, license, author },
        }))
      }),
    )
  ).flat()
}
