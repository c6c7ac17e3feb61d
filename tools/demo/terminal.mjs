// What the demo prints: headings, bars, and pictures where a terminal has the colours for them.
import { sharp } from '../sharp.mjs'

/** Cells of a thumbnail; each shows two pixels, one above the other. */
const [COLUMNS, ROWS] = [16, 8]
/** Thumbnails beside each other. */
const ACROSS = 4

export const drawsPictures = process.stdout.isTTY && process.stdout.getColorDepth() === 24

export const heading = (/** @type {string} */ words) => console.log(`\n\x1b[1m${words}\x1b[0m`)

/** @param {number} share of 1 */
export const bar = (share, width = 20) => '█'.repeat(Math.round(share * width)).padEnd(width, '·')

/** The lines of a picture as coloured half blocks. @param {string} file */
async function thumbnail(file) {
  const { data } = await sharp(file)
    .resize(COLUMNS, 2 * ROWS, { fit: 'cover' })
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const colour = (/** @type {number} */ row, /** @type {number} */ column) =>
    [...data.subarray(3 * (row * COLUMNS + column), 3 * (row * COLUMNS + column + 1))].join(';')
  return Array.from({ length: ROWS }, (_, row) => {
    const cells = Array.from(
      { length: COLUMNS },
      (_, column) => `\x1b[38;2;${colour(2 * row, column)};48;2;${colour(2 * row + 1, column)}m▀`,
    )
    return `${cells.join('')}\x1b[0m`
  })
}

/** Draws pictures with a line below each. @param {readonly { file: string, caption: string }[]} pictures */
export async function drawPictures(pictures) {
  for (let start = 0; start < pictures.length; start += ACROSS) {
    const some = pictures.slice(start, start + ACROSS)
    const drawn = await Promise.all(some.map(({ file }) => thumbnail(file)))
    for (let row = 0; row < ROWS; row++) console.log(drawn.map((lines) => lines[row]).join('  '))
    console.log(some.map(({ caption }) => caption.slice(0, COLUMNS).padEnd(COLUMNS)).join('  '))
  }
}
