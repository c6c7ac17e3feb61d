import { writeFileSync } from 'node:fs'

/**
 * Writes ratios to `docs/benchmarks`, from which the site draws its charts.
 * @param {string} name
 * @param {{ against: string, series: readonly string[], rows: Record<string, readonly number[]> }} ratios a number of each series, by row
 */
export function writeRatios(name, { rows, ...rest }) {
  const rounded = Object.entries(rows).map(([row, values]) => [row, values.map((value) => Number(value.toFixed(2)))])
  const json = JSON.stringify({ ...rest, rows: Object.fromEntries(rounded) }, null, 2)
  writeFileSync(new URL(`../../docs/benchmarks/${name}.json`, import.meta.url), `${json}\n`)
}
