// Pictures of things that are no drawings: photographs (GCompris), renderings (Sweet Home 3D), and surfaces as
// names.json calls them (GIMP, Sweet Home 3D, UFO: Alien Invasion).
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { sharp } from '../sharp.mjs'
import { debianArchive, debianPackage } from './packages.mjs'
import { readRcc } from './rcc.mjs'

/** @typedef {import('./sources.mjs').Picture} Picture */
/** @type {Record<string, Record<string, string>>} */
const NAMES = JSON.parse(await readFile(new URL('names.json', import.meta.url), 'utf8'))

/** Activities of GCompris with pictures whose files name what they show. */
const ACTIVITIES = [
  ...['categorization', 'erase', 'explore_farm_animals', 'explore_monuments', 'explore_world_animals', 'lang'],
  'solar_system',
]
/** Numbers, colours, relatives and the like, which a picture does not show by itself. */
const UNSEEN = new Set(
  `alphabets,numbers,question,color,black,blue,brown,gray,green,mauve,orange-color,pink,red,white,yellow,zero,one,two,three,
four,five,six,seven,eight,nine,ten,eleven,twelve,sixteen,dad,son,brother,sister,friend`.split(/,\s*/),
)

/** A file's name in words: polarBear2 is polar bear. @param {string} name */
const wordsOf = (name) =>
  name
    .replace(/\d+$/, '')
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .replace(/[_-]+/g, ' ')
    .toLowerCase()
    .trim()

/** @returns {Promise<Picture[]>} */
async function gcompris() {
  const folder = `${await debianPackage('gcompris-qt-data')}/usr/share/gcompris-qt/rcc`
  const origin = {
    package: 'gcompris-qt-data',
    license: 'public domain, CC-BY, CC-BY-SA or GPL-3+, by file in its copyright',
    author: 'see its copyright',
  }
  const pictures = await Promise.all(
    ACTIVITIES.map(async (activity) =>
      [...(await readRcc(`${folder}/${activity}.rcc`))].flatMap(([path, picture]) => {
        const name = basename(path, '.webp')
        const words = NAMES['gcompris-qt-data']?.[wordsOf(name)] ?? wordsOf(name)
        if (!path.endsWith('.webp') || UNSEEN.has(name.replace(/\d+$/, ''))) return []
        const label = activity === 'solar_system' && words !== 'sun' ? `the planet ${words}` : words
        const key = `gcompris/${path.split('/resource/')[1] ?? name}`
        return [
          { key: `${key.slice(0, -'.webp'.length)}/${activity}`, picture, label, tags: [], origin, kind: 'photograph' },
        ]
      }),
    ),
  )
  return /** @type {Picture[]} */ (pictures.flat())
}

/** A surface that is smaller is laid beside itself, as it is made for. */
const SURFACE = 256

/** Of GIMP's pattern files: a head of its own size, version, width, height and bytes a pixel; a name; the pixels. @param {string} file */
async function gimpPattern(file) {
  const bytes = await readFile(file)
  const [head = 0, , width = 0, height = 0, channels = 0] = [0, 4, 8, 12, 16].map((at) => bytes.readUInt32BE(at))
  const raw = { width, height, channels: /** @type {1 | 3} */ (channels) }
  const tile = await sharp(bytes.subarray(head), { raw }).png().toBuffer()
  const create = { width: Math.max(SURFACE, width), height: Math.max(SURFACE, height) }
  return await sharp({ create: { ...create, channels: 3, background: '#fff' } })
    .composite([{ input: tile, tile: true }])
    .png()
    .toBuffer()
}

/** @param {string} name */
async function gimp(name) {
  const folder = `${await debianPackage(name)}/usr/share/gimp/2.0/patterns`
  return Object.entries(NAMES[name] ?? {}).map(async ([file, label]) =>
    surface(name, file, await gimpPattern(`${folder}/${file}.pat`), label, 'GPL-2+'),
  )
}

/**
 * @param {string} source @param {string} file @param {string | Buffer} picture @param {string} label @param {string} license
 * @returns {Picture}
 */
const surface = (source, file, picture, label, license) => ({
  ...{ key: `${source}/${file}`, picture, label, tags: [], kind: 'surface' },
  origin: { package: source, license, author: 'see its copyright' },
})

/** @returns {Promise<Picture[]>} */
async function sweetHomeSurfaces() {
  const jar = await debianArchive('sweethome3d', 'usr/share/sweethome3d/sweethome3d.jar')
  const folder = `${jar}/com/eteks/sweethome3d/io/resources/textures`
  return Object.entries(NAMES.sweethome3d ?? {}).map(([file, label]) =>
    surface('sweethome3d', file, `${folder}/${file}.jpg`, label, 'GPL-2+'),
  )
}

/** @returns {Promise<Picture[]>} */
async function ufoSurfaces() {
  const folder = `${await debianArchive('ufoai-textures', 'usr/share/games/ufoai/base/0textures.pk3')}/textures`
  const labels = NAMES['ufoai-textures'] ?? {}
  const files = (await readdir(folder, { recursive: true })).filter((file) => /\.(jpg|png)$/.test(file)).sort()
  return files.flatMap((file) => {
    // Endings are of other colours or of numbers; _nm, _sm and _gm are of light, not of colour.
    const stem = basename(file).replace(/\.\w+$/, '')
    const label =
      labels[
        stem
          .replace(/[_\d]*\d[a-z]?$|_[a-z]$/, '')
          .replace(/[_\d]+/g, ' ')
          .trim()
      ]
    if (!label || /_(nm|sm|gm)$/.test(stem)) return []
    return [
      surface(
        'ufoai-textures',
        file.replace(/\.\w+$/, ''),
        `${folder}/${file}`,
        label,
        'GPL-2+, CC-BY-3.0, CC-BY-SA-3.0 or public domain, by file in its copyright',
      ),
    ]
  })
}

const CATALOGS = ['BlendSwap-CC-0', 'BlendSwap-CC-BY', 'KatorLegaz', 'Reallusion', 'Scopia']

/** @param {string} catalog @returns {Promise<Picture[]>} */
async function furniture(catalog) {
  const folder = await debianArchive('sweethome3d-furniture', `usr/share/sweethome3d/furniture/${catalog}.sh3f`)
  const properties = await readFile(`${folder}/PluginFurnitureCatalog.properties`, 'latin1')
  const of = Object.fromEntries(
    [...properties.matchAll(/^(\w+#\d+)=(.*)$/gm)].map(([, name, value]) => [name, value?.trim() ?? '']),
  )
  return Object.entries(of).flatMap(([name, icon]) => {
    const number = /^icon#(\d+)$/.exec(name)?.[1]
    if (!number || !existsSync(`${folder}/${icon}`)) return []
    const label = (of[`name#${number}`] ?? '')
      .toLowerCase()
      .replace(/[\d(].*/, '')
      .trim()
    const origin = {
      package: 'sweethome3d-furniture',
      license: catalog.endsWith('CC-0') ? 'CC0-1.0' : 'CC-BY-3.0',
      author: of[`creator#${number}`] || catalog.split('-')[0] || catalog,
    }
    return [{ key: `furniture/${catalog}/${number}`, picture: `${folder}/${icon}`, label, tags: [], origin }]
  })
}

/** All of them. */
export async function things() {
  const sources = [gcompris(), gimp('gimp-data'), gimp('gimp-data-extras'), sweetHomeSurfaces(), ufoSurfaces()]
  return await Promise.all((await Promise.all([...sources, ...CATALOGS.map(furniture)])).flat())
}
