// WebDataset shards: tar files in which 000001.png is followed by 000001.json.
import { createWriteStream, existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { sharp } from '../sharp.mjs'
import { captionsOf } from './captions.mjs'

/** Pixels that a picture is kept at: enough for random crops of a model of 112 or 128. */
const SIDE = 160

/**
 * On white: the whole picture in a square, or, of what fills its frame, in its own shape.
 * @param {import('./sources.mjs').Picture} picture
 */
const drawn = ({ picture, kind = 'drawing' }) =>
  sharp(picture, { limitInputPixels: 9e8, density: 96 })
    .flatten({ background: '#fff' })
    .resize(SIDE, SIDE, { fit: kind === 'drawing' ? 'contain' : 'outside', background: '#fff' })
    .removeAlpha()
    .toColourspace('srgb')
    .png()
    .toBuffer()

/** A tar header of a plain file (POSIX ustar). @param {string} name @param {number} size */
function header(name, size) {
  const block = Buffer.alloc(512)
  const octal = (/** @type {number} */ value, /** @type {number} */ digits) => value.toString(8).padStart(digits, '0')
  block.write(name, 0)
  block.write(`0000644\0${'0000000\0'.repeat(2)}${octal(size, 11)}\0${octal(0, 11)}\0        0`, 100)
  block.write('ustar\x0000', 257)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${octal(sum, 6)}\0 `, 148)
  return block
}

/**
 * Draws pictures and writes them as one shard that appears when it is whole; one that lies there is kept. What cannot be
 * drawn is left out and named.
 * @param {string} file
 * @param {readonly import('./sources.mjs').Picture[]} pictures
 */
export async function writeShard(file, pictures) {
  if (existsSync(file)) return
  const out = createWriteStream(`${file}.partial`)
  const write = (/** @type {Buffer} */ bytes) =>
    new Promise((done) => void (out.write(bytes) ? done(0) : out.once('drain', () => done(0))))
  const add = async (/** @type {string} */ name, /** @type {Buffer} */ bytes) => {
    await write(header(name, bytes.length))
    await write(bytes)
    await write(Buffer.alloc(-bytes.length & 511))
  }
  const ahead = availableParallelism()
  const drawings = pictures.slice(0, ahead).map(attempt)
  for (const [i, picture] of pictures.entries()) {
    const result = await drawings[i]
    const next = pictures[i + ahead]
    if (next) drawings.push(attempt(next))
    if (!result || result instanceof Error) {
      console.log(`left out: ${picture.key}: ${result?.message}`)
      continue
    }
    const name = String(i).padStart(6, '0')
    await add(`${name}.png`, result)
    await add(`${name}.json`, Buffer.from(JSON.stringify(describe(picture))))
  }
  await write(Buffer.alloc(1024))
  await new Promise((done, fail) => out.on('error', fail).end(() => /** @type {(value?: unknown) => void} */ (done)()))
  await rename(`${file}.partial`, file)
  console.log(`${file}: ${pictures.length} pictures`)
}

/** @param {import('./sources.mjs').Picture} picture */
const attempt = (picture) => drawn(picture).catch((/** @type {Error} */ error) => error)

/** @param {import('./sources.mjs').Picture} picture */
const describe = ({ key, label, tags, origin, translations, kind }) => ({
  key,
  label,
  captions: captionsOf({ key, label, tags, kind }),
  tags,
  group: conceptOf(label),
  ...(translations && { translations }),
  ...(kind && { kind }),
  ...origin,
})

/** Pictures of one concept are positives of each other, whichever set drew them. @param {string} label */
export const conceptOf = (label) =>
  label
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
