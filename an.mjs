import { build } from 'esbuild'
const [,, path, imp, ...ext] = process.argv
const r = await build({ stdin: { contents: `export { ${imp} } from '${path}'`, resolveDir: process.cwd() }, bundle: true, minify: true, format: 'esm', write: false, metafile: true, logLevel: 'silent', splitting: true, outdir: '/tmp/x', external: ext, treeShaking: true, keepNames: false })
for (const [o, { inputs, bytes }] of Object.entries(r.metafile.outputs).sort((a,b)=>b[1].bytes-a[1].bytes)) { if (!o.includes('stdin')) continue
  console.log(o, bytes)
  for (const [i, { bytesInOutput: b }] of Object.entries(inputs).sort((a, b) => b[1].bytesInOutput - a[1].bytesInOutput).slice(0,40)) console.log('   ', i, b)
}
