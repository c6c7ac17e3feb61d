import { build } from 'esbuild'
const r = await build({ stdin: { contents: `export { ${process.argv[3]} } from '${process.argv[2]}'`, resolveDir: process.cwd() }, bundle: true, minify: false, format: 'esm', write: false, logLevel: 'silent', splitting: true, outdir: '/tmp/x' })
console.log(r.outputFiles.find((f) => f.path.includes('stdin')).text)
