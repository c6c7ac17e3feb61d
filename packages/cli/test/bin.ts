import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { raw } from '../../../tools/build/raw'
import { script } from '../../../tools/build/script'

const PACKAGE = fileURLToPath(new URL('../', import.meta.url))

/** The program of the packages' sources as one file; other people's packages are found in `node_modules`. */
export async function builtBin(name: string): Promise<string> {
  const manifest = JSON.parse(await readFile(`${PACKAGE}package.json`, 'utf8')) as { dependencies: object }
  const outfile = `${PACKAGE}node_modules/.test/${name}.mjs`
  await build({
    entryPoints: [`${PACKAGE}src/bin.ts`],
    bundle: true,
    platform: 'node',
    target: 'es2022',
    format: 'esm',
    conditions: ['@dual-encoder/source', 'node', 'import'],
    external: [
      ...Object.keys(manifest.dependencies).filter((dependency) => !dependency.startsWith('@dual-encoder/')),
      'onnxruntime-node',
      'onnxruntime-web',
      '@lancedb/lancedb',
      'apache-arrow',
    ],
    plugins: [raw, script],
    logLevel: 'silent',
    outfile,
  })
  return outfile
}

/** Runs a shell's line. */
export async function shell(
  line: string,
  options: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn('sh', ['-c', line], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (text) => (stdout += String(text)))
  child.stderr.on('data', (text) => (stderr += String(text)))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}
