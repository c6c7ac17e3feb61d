import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { environment } from '../../tools/ci/run.mjs'

const CACHE = resolve(import.meta.dirname, '../../.cache')

export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program without the variables that npm and vitest set for their own children. */
export function execute(command: string, args: readonly string[], cwd: string): Promise<Output> {
  const env = Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !/^(NODE_|VITEST|npm_(package|lifecycle|command|execpath|node))/.test(name),
    ),
  )
  return new Promise((done) => {
    execFile(
      command,
      args,
      { cwd, env: { ...env, NODE_ENV: 'production' }, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        done({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
      },
    )
  })
}

async function install(folder: string, npm: readonly string[], specifiers: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "private": true }')
  const [command, ...args] = [...npm, 'install', '--no-audit', '--no-fund', '--prefer-offline', ...specifiers]
  const { code, stderr } = await execute(command!, args, folder)
  if (code !== 0) throw new Error(`npm install ${specifiers.join(' ')} failed:\n${stderr}`)
}

/** A program from npm, installed once per checkout; returns a path inside its package. */
async function program(specifier: string, path: string): Promise<string> {
  const folder = join(CACHE, 'programs', specifier)
  const file = join(folder, 'node_modules', specifier.replace(/@[^@]*$/, ''), path)
  if (!existsSync(file)) await install(folder, ['npm'], [specifier])
  return file
}

/** The executable of a major version of Node. */
export function nodeExecutable(major: number): Promise<string> {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  return program(`node-${platform}-${process.arch}@${major}`, 'bin/node')
}

/** How a program is run by another runtime than Node. */
export async function runBy(runtime: 'bun' | 'deno', file: string, cwd: string, ...args: string[]): Promise<Output> {
  if (runtime === 'bun') return execute(await program('bun@1', 'bin/bun.exe'), [file, ...args], cwd)
  return execute(process.execPath, [await program('deno@2', 'bin.cjs'), 'run', '--allow-all', file, ...args], cwd)
}

/** An empty folder, outside the repository, into which a major version of npm has installed `specifiers`. */
export async function installWithNpm(major: number, specifiers: readonly string[]): Promise<string> {
  const npm = await program(`npm@${major}`, 'bin/npm-cli.js')
  const folder = await mkdtemp(join(tmpdir(), `dual-encoder-npm-${major}-`))
  await install(folder, [process.execPath, npm], specifiers)
  return folder
}

export const remove = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true })
