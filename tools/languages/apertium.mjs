// Apertium's translators (GPL-2+), as Debian packs them for amd64; they run where they are unpacked.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { readFile } from 'node:fs/promises'
import { debianPackage } from '../pictures/packages.mjs'

/** @typedef {'spa-eng' | 'eng-spa' | 'fr-es' | 'es-fr'} Direction */

const PROGRAMS = ['apertium', 'lttoolbox', 'apertium-lex-tools']
const LIBRARIES = ['libapertium3', 'liblttoolbox3', 'libapertium-lex-tools1', 'libirstlm1']
const DATA = ['apertium-eng-spa', 'apertium-fr-es']
/** Marks of words that are not known, or have no such form. */
export const UNKNOWN = /[*@#]/

/**
 * @param {Direction} direction @param {readonly string[]} lines @returns {Promise<string[]>} as many; words that are not
 * known with a mark
 */
export async function translated(direction, lines) {
  const [programs, libraries, data] = await Promise.all(
    [PROGRAMS, LIBRARIES, DATA].map((names) => Promise.all(names.map(debianPackage))),
  )
  const own = data?.[direction.includes('eng') ? 0 : 1] ?? ''
  const mode = await readFile(`${own}/usr/share/apertium/modes/${direction}.mode`, 'utf8')
  const pipeline = mode.replaceAll('/usr/share', `${own}/usr/share`).replaceAll('$1', '-g').replaceAll('$2', '').trim()
  const under = (/** @type {string[] | undefined} */ folders, /** @type {string} */ folder) =>
    (folders ?? []).map((one) => `${one}/usr/${folder}`).join(':')
  const child = spawn('sh', ['-c', `apertium-destxt -i | ${pipeline} | apertium-retxt`], {
    env: {
      PATH: `${under(programs, 'bin')}:${process.env.PATH}`,
      LD_LIBRARY_PATH: under(libraries, 'lib/x86_64-linux-gnu'),
      LC_ALL: 'C.UTF-8',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  // A full stop ends what is looked at together.
  child.stdin.end(lines.map((line) => `${line}.\n`).join(''))
  const [code, output] = await Promise.all([
    new Promise((resolve, reject) => child.on('error', reject).on('close', resolve)),
    text(child.stdout),
  ])
  const all = output.split('\n').slice(0, lines.length)
  if (code !== 0 || all.length !== lines.length)
    throw new Error(`apertium ${direction} ended with ${code} and gave ${all.length} of ${lines.length} lines.`)
  return all.map((line) => line.replace(/ ?\.\s*$/, ''))
}
