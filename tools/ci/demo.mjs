// `npm run demo`: installs and builds what is missing, then runs the demo. Needs nothing but Node and npm.
import { install, run } from './run.mjs'

const packages = '--projects=@dual-encoder/model-pictures,@dual-encoder/onnx,@dual-encoder/tfjs'
const ready =
  (await install()) && (await run('npx', ['nx', 'run-many', '-t', 'build', packages, '--outputStyle=stream']))
process.exitCode = ready && (await run(process.execPath, ['tools/demo/demo.mjs'])) ? 0 : 1
