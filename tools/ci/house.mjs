// Holds the packages' sources to the architecture: folders import only downwards, no circle of files, nothing too long.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { FLOORS } from '../lint/floors.mjs'
import { root } from './run.mjs'

const MAX_FILE_LINES = 350
const MAX_FOLDER_LINES = 2500

/** @type {string[]} */
const complaints = []
const isSource = (/** @type {string} */ file) => file.endsWith('.ts') && !/\.(test|d)\.ts$/.test(file)

/** @param {string} folder @returns {string[]} */
const sourcesIn = (folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(isSource)
    .map((file) => join(folder, file))

/** Files that a file imports by relative paths, types included. @param {string} file @param {string} text */
function importsOf(file, text) {
  const specifiers = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^'?]*)(?:\?[^']*)?'/g)
  return [...specifiers].flatMap(([, specifier = '']) => {
    const path = normalize(join(dirname(file), specifier))
    return [`${path}.ts`, join(path, 'index.ts')].filter((candidate) => existsSync(candidate)).slice(0, 1)
  })
}

/** @param {ReadonlyMap<string, readonly string[]>} graph the first circle found from each file, each once */
function circlesOf(graph) {
  const done = new Set()
  /** @type {string[]} */
  const path = []
  /** @type {string[][]} */
  const circles = []
  const visit = (/** @type {string} */ file) => {
    if (path.includes(file)) return void circles.push([...path.slice(path.indexOf(file)), file])
    if (done.has(file)) return
    path.push(file)
    for (const next of graph.get(file) ?? []) visit(next)
    path.pop()
    done.add(file)
  }
  for (const file of graph.keys()) visit(file)
  return circles
}

for (const name of readdirSync(join(root, 'packages'))) {
  const src = join(root, 'packages', name, 'src')
  const short = (/** @type {string} */ file) => relative(src, file)
  const texts = new Map(sourcesIn(src).map((file) => [file, readFileSync(file, 'utf8')]))
  const graph = new Map([...texts].map(([file, text]) => [file, importsOf(file, text)]))
  for (const circle of circlesOf(graph))
    complaints.push(`${name}: a circle of files: ${circle.map(short).join(' -> ')}`)
  if (name === 'core') {
    const floorOf = (/** @type {string} */ file) => FLOORS.indexOf(short(file).split('/')[0] ?? '')
    for (const [file, imported] of graph)
      for (const target of imported)
        if (floorOf(file) >= 0 && (floorOf(target) > floorOf(file) || floorOf(target) < 0))
          complaints.push(`core: an arrow that runs up: ${short(file)} -> ${short(target)}`)
  }
  const lines = (/** @type {string} */ text) => text.split('\n').length - 1
  /** @type {Map<string, number>} */
  const folders = new Map()
  for (const [file, text] of texts) {
    if (lines(text) > MAX_FILE_LINES)
      complaints.push(`${name}: ${short(file)} has ${lines(text)} lines, more than ${MAX_FILE_LINES}`)
    folders.set(dirname(file), (folders.get(dirname(file)) ?? 0) + lines(text))
  }
  for (const [folder, count] of folders)
    if (count > MAX_FOLDER_LINES)
      complaints.push(`${name}: ${short(folder)} has ${count} lines, more than ${MAX_FOLDER_LINES}`)
}

for (const complaint of complaints) console.error(complaint)
process.exitCode = complaints.length > 0 ? 1 : 0
