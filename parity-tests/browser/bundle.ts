import { existsSync } from 'node:fs'
import { cp, readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { build as esbuild } from 'esbuild'
import { build as vite } from 'vite'
import webpack from 'webpack'

/** Bundles an app of this folder from the built packages, as their users do. */
export type Bundler = (app: string, folder: string) => Promise<void>

const PACKAGES = resolve(import.meta.dirname, '../../packages')

function checkBuilt(): void {
  for (const name of ['core', 'onnx', 'tfjs', 'webgpu'])
    if (!existsSync(join(PACKAGES, name, 'dist/index.js')))
      throw new Error(`packages/${name} is not built. Run \`npm run build\` first.`)
}

const withVite: Bundler = async (app, outDir) => {
  checkBuilt()
  await vite({
    root: app,
    configFile: false,
    logLevel: 'error',
    worker: { format: 'es' },
    build: { outDir, emptyOutDir: true, target: 'es2022' },
  })
}

const withWebpack: Bundler = async (app, path) => {
  checkBuilt()
  const stats = await new Promise<webpack.Stats | undefined>((done, fail) => {
    webpack({ mode: 'production', context: app, entry: './main.js', output: { path } }, (error, result) =>
      error ? fail(error) : done(result),
    )
  })
  if (stats?.hasErrors()) throw new Error(stats.toString({ all: false, errors: true }))
  await cp(join(app, 'index.html'), join(path, 'index.html'))
}

export const withEsbuild: Bundler = async (app, outdir) => {
  checkBuilt()
  const entryPoints = [join(app, 'main.js')]
  await esbuild({ entryPoints, outdir, bundle: true, splitting: true, minify: true, format: 'esm', logLevel: 'error' })
  await cp(join(app, 'index.html'), join(outdir, 'index.html'))
}

export const BUNDLERS: Record<string, Bundler> = { Vite: withVite, webpack: withWebpack }

/** The JavaScript that a bundler wrote. */
export async function scriptsIn(folder: string): Promise<Map<string, string>> {
  const files = (await readdir(folder, { recursive: true })).filter((name) => /\.m?js$/.test(name))
  return new Map(
    await Promise.all(files.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  )
}
