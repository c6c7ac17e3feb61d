// Checks the tarballs: their list of files, publint for what package.json promises, attw for what TypeScript resolves.
import { readFileSync } from 'node:fs'
import { packages, pack } from './packages.mjs'
import { root, run } from './run.mjs'

/** What may lie in a package; that of the model has its files besides. */
const ALLOWED = [
  /^(LICENSE|NOTICE|README\.md|package\.json)$/,
  /^dist\/([\w-]+\/)*[\w.-]+\.(js|cjs)(\.map)?$/,
  /^dist\/([\w-]+\/)*[\w.-]+\.d\.c?ts$/,
  /^src\/([\w-]+\/)*[\w.-]+\.ts$/,
]
const MODEL = /^model\/[\w.]+\.(json|safetensors)$/
const FORBIDDEN = /\.test\.|\.spec\.|fixtures|op-cases/
const NEEDED = ['LICENSE', 'README.md', 'package.json']

/**
 * What is wrong with a package's list of files.
 * @param {{ name: string, folder: string }} which
 * @param {readonly string[]} files
 */
function faultsOf({ name, folder }, files) {
  const allowed = name === '@dual-encoder/model-pictures' ? [...ALLOWED, MODEL] : ALLOWED
  const faults = files
    .filter((file) => FORBIDDEN.test(file) || !allowed.some((pattern) => pattern.test(file)))
    .map((file) => `${file} has no place in it`)
  for (const file of NEEDED) if (!files.includes(file)) faults.push(`${file} is missing`)
  const present = new Set(files)
  for (const file of files.filter((one) => one.endsWith('.map'))) {
    /** @type {{ sources: string[], sourcesContent?: (string | null)[] }} */
    const { sources, sourcesContent = [] } = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8'))
    if (sourcesContent.some(Boolean)) faults.push(`${file} holds the sources, which are in src already`)
    for (const source of sources.filter((one) => one.includes('src/') && !one.includes(':'))) {
      const path = `src/${source.slice(source.lastIndexOf('src/') + 4)}`
      if (!present.has(path)) faults.push(`${file} names ${path}, which is not packed`)
    }
  }
  return faults
}

let good = true
for (const [i, { tarball, files }] of pack(`${root}/.cache/checked`).entries()) {
  const which = /** @type {{ name: string, folder: string }} */ (packages[i])
  console.log(tarball.slice(tarball.lastIndexOf('/') + 1), `${files.length} files`)
  const faults = faultsOf(which, files)
  for (const fault of faults.slice(0, 20)) console.error(`${which.name}: ${fault}`)
  good = faults.length === 0 && good
  good = (await run('npx', ['publint', 'run', tarball, '--strict'])) && good
  good = (await run('npx', ['attw', tarball, '--format', 'ascii'])) && good
}
process.exitCode = good ? 0 : 1
