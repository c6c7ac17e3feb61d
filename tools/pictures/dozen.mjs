// Makes the demo's dozen pictures out of scikit-image's wheel: node tools/pictures/dozen.mjs
// tools/demo/pictures/pictures.json has their labels, sentences to find them by, and what skimage.data says of their licences.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { sharp } from '../sharp.mjs'
import { pythonPackage } from './packages.mjs'

const require = createRequire(import.meta.url)
const folder = fileURLToPath(new URL('../demo/pictures/', import.meta.url))
const data = `${await pythonPackage('scikit-image')}/skimage/data`
for (const { file } of /** @type {{ file: string }[]} */ (require('../demo/pictures/pictures.json'))) {
  const source = [`${data}/${file}.png`, `${data}/${file}.jpg`].find((name) => existsSync(name))
  if (!source) throw new Error(`There is no ${file} in ${data}.`)
  await sharp(source)
    .resize(320, 320, { fit: 'inside' })
    .toColourspace('srgb')
    .jpeg({ quality: 80 })
    .toFile(`${folder}${file}.jpg`)
}
