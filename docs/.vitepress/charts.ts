import { readdirSync, readFileSync } from 'node:fs'

const json = <T>(file: string): T => JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')) as T

/** A backend of `docs/parity/*.json`, which the parity suite writes. */
interface ParitySection {
  readonly backend: string
  readonly allowed: Readonly<Record<string, number>>
  readonly cases: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** `docs/benchmarks/*.json`, which `tools/bench` writes: factors of what they are compared with, one of each series by row. */
interface Ratios {
  readonly series: readonly string[]
  readonly rows: Readonly<Record<string, readonly number[]>>
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
  const sections = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => json<ParitySection[]>(`parity/${name}`))
  const [low, high] = [-8, -3]
  const x = (value: number) => LEFT + ((Math.max(low, Math.log10(value)) - low) / (high - low)) * (WIDTH - LEFT - RIGHT)
  const bottom = 16 + sections.length * ROW
  const axis = Array.from({ length: high - low + 1 }, (_, i) => low + i).flatMap((power) => [
    `<line x1="${x(10 ** power)}" x2="${x(10 ** power)}" y1="10" y2="${bottom}" class="grid"/>`,
    text(x(10 ** power), bottom + 18, `1e${power}`, 'text-anchor="middle" class="tick"'),
  ])
  const rows = sections.flatMap(({ backend, allowed, cases }, row) => {
    const y = 16 + (row + 0.5) * ROW
    const values = Object.values(cases).map((outputs) => outputs[output] ?? 0)
    const limit = x(allowed[output]!).toFixed(1)
    return [
      text(LEFT - 12, y + 4, backend.replace(', float32', ''), 'text-anchor="end"'),
      ...values
        .filter((value) => value > 0)
        .map((value) => `<circle cx="${x(value).toFixed(1)}" cy="${y}" r="3" class="dot"/>`),
      `<line x1="${limit}" x2="${limit}" y1="${y - 10}" y2="${y + 10}" class="limit"/>`,
    ]
  })
  return svg(WIDTH, bottom + 28, [...axis, ...rows])
}

/** Bars of a benchmark's factors, with a line at 1: what they are compared with. */
function factors(name: string): string {
  const { series, rows } = json<Ratios>(`benchmarks/${name}.json`)
  const bars = Object.entries(rows).map(([name, values]) => ({ name, values }))
  const most = Math.max(1.2, ...bars.flatMap(({ values }) => values))
  const x = (value: number) => LEFT + (value / most) * (WIDTH - LEFT - RIGHT - 36)
  const bar = 13
  const height = (values: readonly unknown[]) => values.length * bar + 12
  let top = 34
  const drawn = bars.flatMap(({ name, values }) => {
    const start = top
    top += height(values)
    return [
      text(LEFT - 12, start + (values.length * bar) / 2 + 4, name, 'text-anchor="end"'),
      ...values.flatMap((value, i) => [
        `<rect x="${LEFT}" y="${start + i * bar}" width="${(x(value) - LEFT).toFixed(1)}" height="${bar - 3}" rx="2" class="s${i}"/>`,
        text(x(value) + 6, start + i * bar + 9, `${value}x`, 'class="tick"'),
      ]),
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
  'benchmark-onnx': () => factors('onnx'),
  'benchmark-webgpu': () => factors('webgpu'),
}
