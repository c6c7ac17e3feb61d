const CELL = 34
const MARGIN = 130

/**
 * How often a thing of one kind (row) is taken for another (column), as an SVG: the darker, the larger the share of the row.
 * @param {readonly string[]} labels @param {readonly (readonly number[])[]} matrix counts
 */
export function confusionSvg(labels, matrix) {
  const side = MARGIN + labels.length * CELL + 10
  const cells = matrix.flatMap((row, i) => {
    const sum = Math.max(
      1,
      row.reduce((total, count) => total + count, 0),
    )
    return row.map((count, j) => {
      const [x, y, share] = [MARGIN + j * CELL, MARGIN + i * CELL, count / sum]
      const fill = `rgb(${Math.round(255 - 225 * share)},${Math.round(255 - 165 * share)},${Math.round(255 - 85 * share)})`
      const text = count
        ? `<text x="${x + CELL / 2}" y="${y + CELL / 2 + 4}" text-anchor="middle" fill="${share > 0.5 ? '#fff' : '#222'}">${count}</text>`
        : ''
      return `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" fill="${fill}" stroke="#ddd"/>${text}`
    })
  })
  const names = labels.flatMap((label, i) => {
    const middle = MARGIN + i * CELL + CELL / 2 + 4
    return [
      `<text x="${MARGIN - 8}" y="${middle}" text-anchor="end">${label}</text>`,
      `<text transform="translate(${middle},${MARGIN - 8}) rotate(-50)">${label}</text>`,
    ]
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${side} ${side}" font-family="sans-serif" font-size="12"><title>Rows: what it is. Columns: what the model says.</title>${[...cells, ...names].join('')}</svg>\n`
}
