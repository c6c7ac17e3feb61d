// What each install takes on disk: `node tools/bench/install-sizes.mjs`, once everything is built. Packs the packages,
// installs them with npm into empty folders, and writes docs/proof/install-sizes.json, which the site's table is made of.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packages, pack } from '../ci/packages.mjs'
import { environment, root } from '../ci/run.mjs'

/** What somebody installs, for what. */
const INSTALLS = [
  { use: 'ONNX Runtime in Node', install: ['@dual-encoder/core', '@dual-encoder/onnx', 'sharp'] },
  { use: 'ONNX Runtime in browsers', install: ['@dual-encoder/core', '@dual-encoder/onnx'] },
  { use: 'TensorFlow.js in Node', install: ['@dual-encoder/core', '@dual-encoder/tfjs', 'sharp'] },
  { use: 'TensorFlow.js in browsers', install: ['@dual-encoder/core', '@dual-encoder/tfjs'] },
  { use: 'WebGPU in browsers', install: ['@dual-encoder/core', '@dual-encoder/webgpu'] },
  { use: 'WebGPU in Node', install: ['@dual-encoder/core', '@dual-encoder/webgpu', 'webgpu', 'sharp'] },
  {
    use: 'training in Node',
    install: ['@dual-encoder/core', '@dual-encoder/onnx', '@dual-encoder/train', 'sharp'],
  },
  { use: 'the command line, with a model', install: ['dual-encoder'] },
  { use: 'the command line with an index', install: ['dual-encoder', '@lancedb/lancedb', 'apache-arrow@18.1.0'] },
]

/**
 * @param {string} folder
 * @param {string[]} more
 * @returns {number} in bytes, as the disk counts
 */
const diskUsage = (folder, ...more) =>
  1024 * Number(execFileSync('du', ['-sk', ...more, folder], { encoding: 'utf8' }).split('\t')[0])

const scratch = mkdtempSync(join(tmpdir(), 'dual-encoder-sizes-'))
const packed = pack(join(scratch, 'tarballs'))
const tarballs = new Map(packages.map(({ name }, i) => [name, packed[i]?.tarball ?? '']))

const installs = INSTALLS.map(({ use, install }, i) => {
  const folder = join(scratch, String(i))
  // What a tarball asks for of the others is not on a registry yet.
  const overrides = Object.fromEntries([...tarballs].map(([name, tarball]) => [name, `file:${tarball}`]))
  mkdirSync(folder)
  const local = install.filter((name) => tarballs.has(name))
  const dependencies = Object.fromEntries(local.map((name) => [name, overrides[name]]))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies, overrides }))
  const others = install.filter((name) => !tarballs.has(name))
  const options = ['install', '--no-audit', '--no-fund', '--prefer-offline', ...others]
  execFileSync('npm', options, { cwd: folder, env: environment, stdio: ['ignore', 'ignore', 'inherit'] })
  const modules = join(folder, 'node_modules')
  const all = diskUsage(modules)
  const own = ['@dual-encoder', 'dual-encoder']
    .map((name) => join(modules, name))
    .filter((path) => existsSync(path))
    .reduce((sum, path) => sum + diskUsage(path, '--exclude=node_modules'), 0)
  rmSync(folder, { recursive: true })
  console.log(`${use}: ${(all / 1e6).toFixed(0)} MB, of which ${(own / 1e6).toFixed(1)} MB are these packages`)
  return { use, install, megabytes: Math.round(all / 1e6), ownMegabytes: Number((own / 1e6).toFixed(1)) }
})
rmSync(scratch, { recursive: true })

const what =
  'du of node_modules after npm install of the packed tarballs into an empty folder, on Linux x64 with glibc, with ' +
  'ONNXRUNTIME_NODE_INSTALL=skip (without it, onnxruntime-node adds its CUDA libraries where it can fetch them).'
const json = { date: new Date().toISOString().slice(0, 10), node: process.version, what, installs }
writeFileSync(`${root}/docs/proof/install-sizes.json`, `${JSON.stringify(json, null, 2)}\n`)
