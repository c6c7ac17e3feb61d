// The packages that are published, and their tarballs.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { environment, root } from './run.mjs'

/** @type {readonly { folder: string, name: string }[]} */
export const packages = readdirSync(`${root}/packages`).map((folder) => ({
  folder: `${root}/packages/${folder}`,
  name: JSON.parse(readFileSync(`${root}/packages/${folder}/package.json`, 'utf8')).name,
}))

/**
 * Packs every built package as `npm publish` would.
 * @param {string} folder where the tarballs go; emptied first
 * @returns {{ tarball: string, files: string[] }[]} in the order of `packages`
 */
export function pack(folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return packages.map(({ folder: cwd }) => {
    const output = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
      cwd,
      env: environment,
      encoding: 'utf8',
    })
    /** @type {{ filename: string, files: { path: string }[] }[]} */
    const [packed] = JSON.parse(output)
    if (!packed) throw new Error(`npm packed nothing in ${cwd}.`)
    return { tarball: `${folder}/${packed.filename}`, files: packed.files.map(({ path }) => path) }
  })
}
