// What every script here starts with: run a command, install what is missing. Needs nothing but Node.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Silences prompts and notices, and keeps onnxruntime-node from downloading CUDA libraries. Nx ends without its plugins
 * where processes of their own do not start within 30 seconds, as on busy machines.
 */
export const environment = {
  ...process.env,
  ONNXRUNTIME_NODE_INSTALL: 'skip',
  NX_DAEMON: 'false',
  NX_ISOLATE_PLUGINS: 'false',
  npm_config_loglevel: 'error',
  npm_config_fund: 'false',
  npm_config_audit: 'false',
  npm_config_update_notifier: 'false',
}

const isWindows = process.platform === 'win32'

/**
 * Runs a command with no input. `npm` and `npx` are looked up on the path.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, held?: Buffer[] }} [options] held: takes what it prints, which else
 * goes to the terminal
 * @returns {Promise<boolean>} whether it ended with 0
 */
export const run = (command, args, { cwd = root, env = environment, held } = {}) =>
  new Promise((done, fail) => {
    const output = held ? 'pipe' : 'inherit'
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', output, output], shell: isWindows })
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => held?.push(chunk))
    child.on('error', fail)
    child.on('close', (code) => done(code === 0))
  })

/** @param {string} file */
const packagesIn = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {})

/** The first package that the lockfile wants and node_modules lacks or holds in another version. */
function stalePackage() {
  const wanted = packagesIn(`${root}/package-lock.json`)
  const installed = packagesIn(`${root}/node_modules/.package-lock.json`)
  return Object.keys(wanted).find((path) => {
    if (!path.includes('node_modules/') || wanted[path].optional || wanted[path].devOptional) return false
    return installed[path]?.version !== wanted[path].version || !existsSync(`${root}/${path}`)
  })
}

/** Installs exactly the lockfile, with npm 10 or 11, unless node_modules already holds it. */
export async function install() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Error(`Node ${process.versions.node} is too old: 20.19 or newer is needed.`)
  }
  const stale = stalePackage()
  if (stale === undefined) return true
  console.log(`Installing the dependencies (${stale} is missing or of another version).`)
  return run('npm', ['ci', '--no-progress'])
}
