import type { Metrics } from './metrics'

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char]!)

export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

const [WIDTH, HEIGHT] = [640, 260]
const [LEFT, RIGHT, TOP, BOTTOM] = [56, 16, 28, 28]
const COLOURS = ['#2563eb', '#dc2626', '#059669', '#d97706', '#7c3aed', '#0891b2']
/** More points than this are averaged in so many parts. */
const MAX_POINTS = 600

/** A drawing of curves, by itself an SVG file. */
export function lineChart(title: string, series: readonly Series[]): string {
  const drawn = series
    .map(({ name, points }) => ({ name, points: thinned(points.filter(([x, y]) => Number.isFinite(x + y))) }))
    .filter(({ points }) => points.length > 0)
  const all = drawn.flatMap(({ points }) => points)
  const xs = rangeOf(all.map(([x]) => x))
  const ys = rangeOf(all.map(([, y]) => y))
  const px = (x: number) => round(LEFT + ((x - xs.low) / (xs.high - xs.low)) * (WIDTH - LEFT - RIGHT))
  const py = (y: number) => round(HEIGHT - BOTTOM - ((y - ys.low) / (ys.high - ys.low)) * (HEIGHT - TOP - BOTTOM))
  const label = (x: number, y: number, anchor: string, text: string, colour = '#555') =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${colour}">${escaped(text)}</text>`
  const grid = ys.ticks.map(
    (y) =>
      `<path d="M${LEFT} ${py(y)}H${WIDTH - RIGHT}" stroke="#e5e5e5"/>${label(LEFT - 6, py(y) + 4, 'end', short(y))}`,
  )
  const below = xs.ticks.map((x) => label(px(x), HEIGHT - 8, 'middle', short(x)))
  const curves = drawn.map(({ points }, i) => {
    const path = points.map(([x, y], at) => `${at === 0 ? 'M' : 'L'}${px(x)} ${py(y)}`).join('')
    const colour = COLOURS[i % COLOURS.length]!
    return points.length === 1
      ? `<circle cx="${px(points[0]![0])}" cy="${py(points[0]![1])}" r="3" fill="${colour}"/>`
      : `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`
  })
  const names = drawn.map(({ name }, i) =>
    label(WIDTH - RIGHT - (drawn.length - 1 - i) * 130, 16, 'end', name, COLOURS[i % COLOURS.length]),
  )
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">` +
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>` +
    label(LEFT, 16, 'start', title, '#111') +
    [...grid, ...below, ...curves, ...names].join('') +
    '</svg>'
  )
}

const round = (value: number): number => Math.round(value * 10) / 10
const short = (value: number): string => String(Number(value.toPrecision(4)))

function thinned(points: Series['points']): Series['points'] {
  if (points.length <= MAX_POINTS) return points
  return Array.from({ length: MAX_POINTS }, (_, part) => {
    const some = points.slice(
      Math.floor((part * points.length) / MAX_POINTS),
      Math.floor(((part + 1) * points.length) / MAX_POINTS),
    )
    const mean = (at: 0 | 1) => some.reduce((sum, point) => sum + point[at], 0) / some.length
    return [mean(0), mean(1)] as const
  })
}

/** A range around values, and round numbers within it. */
function rangeOf(values: readonly number[]): { low: number; high: number; ticks: number[] } {
  let [low, high] = [Infinity, -Infinity]
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)]
  if (!(low < high)) [low, high] = Number.isFinite(low) ? [low - 0.5, high + 0.5] : [0, 1]
  const rough = (high - low) / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10)
  const ticks: number[] = []
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step) ticks.push(tick)
  return { low, high, ticks }
}

export interface ReportOptions {
  title?: string
  /** Settings of the run, shown as a table. */
  settings?: Readonly<Record<string, unknown>>
}

/** Charts that are drawn of a run: names of metrics by pattern. */
const CHARTS: readonly (readonly [title: string, names: RegExp])[] = [
  ['Loss', /loss/i],
  ['Recall and accuracy', /recall|accuracy|ndcg|precision/i],
  ['Learning rate', /^lr$/],
  ['Logit scale', /^logitScale$/],
]

/** A page about a run, one HTML file that needs no other: curves of loss and recall, and the last values. */
export function htmlReport(
  metrics: readonly Metrics[],
  { title = 'Training run', settings = {} }: ReportOptions = {},
): string {
  const names = [...new Set(metrics.flatMap((entry) => Object.keys(entry)))].filter((name) => name !== 'step')
  const seriesOf = (name: string): Series => ({
    name,
    points: metrics.flatMap((entry) => (entry[name] === undefined ? [] : [[entry.step, entry[name]] as const])),
  })
  const charts = CHARTS.flatMap(([chart, pattern]) => {
    const series = names.filter((name) => pattern.test(name)).map(seriesOf)
    return series.length > 0 ? [`<figure>${lineChart(chart, series)}</figure>`] : []
  })
  const row = (name: string, value: string) => `<tr><th>${escaped(name)}</th><td>${escaped(value)}</td></tr>`
  const last = names.map((name) => row(name, short(seriesOf(name).points.at(-1)?.[1] ?? NaN)))
  const given = Object.entries(settings).map(([name, value]) =>
    row(name, typeof value === 'string' ? value : (JSON.stringify(value) ?? '')),
  )
  const steps = metrics.reduce((most, { step }) => Math.max(most, step), 0)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>
<style>body{font:14px/1.5 sans-serif;max-width:720px;margin:2em auto;padding:0 1em}figure{margin:1em 0}svg{width:100%}
th{text-align:left;padding-right:2em;font-weight:normal;color:#555}</style></head>
<body><h1>${escaped(title)}</h1><p>${steps} steps</p>
${charts.join('\n')}
<h2>Last values</h2><table>${last.join('')}</table>
${given.length > 0 ? `<h2>Settings</h2><table>${given.join('')}</table>` : ''}
</body></html>
`
}
