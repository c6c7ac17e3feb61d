import { readdirSync, readFileSync } from 'node:fs'

/** A table of a page: its heading's text, the columns, and each row's cells. */
interface Table {
  readonly heading: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

const cellsOf = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())

/** The tables of a page that a tool wrote or that holds what one printed. */
function tablesOf(page: string): Table[] {
  const lines = readFileSync(new URL(`../${page}`, import.meta.url), 'utf8').split('\n')
  const tables: Table[] = []
  let heading = ''
  for (let at = 0; at < lines.length; at++) {
    if (lines[at]!.startsWith('## ')) heading = lines[at]!.slice(3)
    if (!/^\|[\s|:-]+\|$/.test(lines[at]!)) continue
    const end = lines.findIndex((line, i) => i > at && !line.startsWith('|'))
    tables.push({
      heading,
      columns: cellsOf(lines[at - 1]!),
      rows: lines.slice(at + 1, end < 0 ? undefined : end).map(cellsOf),
    })
  }
  return tables
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const text = (x: number, y: number, content: string, rest = '') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${rest}>${escaped(content)}</text>`
const svg = (width: number, height: number, parts: readonly string[]) =>
  `<svg viewBox="0 0 ${width} ${height}" xmlns="http://www.w3.org/2000/svg" class="chart">${parts.join('')}</svg>`

const [LEFT, RIGHT, WIDTH, ROW] = [210, 30, 720, 26]

/** One dot for each case on a logarithmic axis, and a line where the allowed difference lies. */
function parity(output: string): string {
  const folder = new URL('../parity/', import.meta.url)
  const tables = readdirSync(folder).flatMap((name) => tablesOf(`parity/${name}`))
  const [low, high] = [-8, -3]
  const x = (value: number) => LEFT + ((Math.max(low, Math.log10(value)) - low) / (high - low)) * (WIDTH - LEFT - RIGHT)
  const bottom = 16 + tables.length * ROW
  const axis = Array.from({ length: high - low + 1 }, (_, i) => low + i).flatMap((power) => [
    `<line x1="${x(10 ** power)}" x2="${x(10 ** power)}" y1="10" y2="${bottom}" class="grid"/>`,
    text(x(10 ** power), bottom + 18, `1e${power}`, 'text-anchor="middle" class="tick"'),
  ])
  const rows = tables.flatMap(({ heading, columns, rows }, row) => {
    const column = columns.indexOf(output)
    const y = 16 + (row + 0.5) * ROW
    const numbers = rows.map((cells) => Number(cells[column]!.replaceAll('*', '') || 'NaN'))
    const [allowed = NaN, ...values] = numbers
    return [
      text(LEFT - 12, y + 4, heading.replace(', float32', ''), 'text-anchor="end"'),
      ...values
        .filter((value) => value > 0)
        .map((value) => `<circle cx="${x(value).toFixed(1)}" cy="${y}" r="3" class="dot"/>`),
      `<line x1="${x(allowed).toFixed(1)}" x2="${x(allowed).toFixed(1)}" y1="${y - 10}" y2="${y + 10}" class="limit"/>`,
    ]
  })
  return svg(WIDTH, bottom + 28, [...axis, ...rows])
}

/** Bars of the factors (`0.42x`) of a benchmark's table, with a line at 1: what they are compared with. */
function factors(heading: string): string {
  const table = tablesOf('benchmarks.md').find((found) => found.heading === heading)
  if (!table) throw new Error(`benchmarks.md has no table under "${heading}".`)
  const series = table.columns.slice(1).map((name) => name.replaceAll('`', ''))
  const bars = table.rows.map(([name = '', ...cells]) => ({
    name,
    values: cells.map((cell) => (/^([\d.]+)x$/.exec(cell) ? parseFloat(cell) : undefined)),
  }))
  const most = Math.max(1.2, ...bars.flatMap(({ values }) => values.filter((value) => value !== undefined)))
  const x = (value: number) => LEFT + (value / most) * (WIDTH - LEFT - RIGHT - 36)
  const bar = 13
  const height = (values: readonly unknown[]) => values.length * bar + 12
  let top = 34
  const drawn = bars.flatMap(({ name, values }) => {
    const start = top
    top += height(values)
    return [
      text(LEFT - 12, start + (values.length * bar) / 2 + 4, name, 'text-anchor="end"'),
      ...values.flatMap((value, i) =>
        value === undefined
          ? []
          : [
              `<rect x="${LEFT}" y="${start + i * bar}" width="${(x(value) - LEFT).toFixed(1)}" height="${bar - 3}" rx="2" class="s${i}"/>`,
              text(x(value) + 6, start + i * bar + 9, `${value}x`, 'class="tick"'),
            ],
      ),
    ]
  })
  let at = LEFT
  const legend = series.flatMap((name, i) => {
    const from = at
    at += 30 + name.length * 7.2
    return [`<rect x="${from}" y="8" width="11" height="11" rx="2" class="s${i}"/>`, text(from + 17, 18, name)]
  })
  const one = `<line x1="${x(1).toFixed(1)}" x2="${x(1).toFixed(1)}" y1="28" y2="${top - 6}" class="limit"/>`
  return svg(WIDTH, top + 4, [...legend, ...drawn, one])
}

/** What `![...](chart:name)` draws. */
export const CHARTS: Readonly<Record<string, () => string>> = {
  'parity-logits': () => parity('logits'),
  'parity-embeds': () => parity('embeds'),
  'parity-hidden-states': () => parity('hidden_state'),
  'benchmark-onnx': () => factors('ONNX Runtime'),
  'benchmark-webgpu': () => factors('WebGPU'),
}
