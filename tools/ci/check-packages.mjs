// Checks the tarballs: publint for what package.json promises, attw for what TypeScript resolves.
import { pack } from './packages.mjs'
import { root, run } from './run.mjs'

let good = true
for (const tarball of pack(`${root}/.cache/checked`)) {
  console.log(tarball.slice(tarball.lastIndexOf('/') + 1))
  good = (await run('npx', ['publint', 'run', tarball, '--strict'])) && good
  good = (await run('npx', ['attw', tarball, '--format', 'ascii'])) && good
}
process.exitCode = good ? 0 : 1
