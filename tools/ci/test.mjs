// `npm test`: everything that has to hold, from a fresh clone on. Needs nothing but Node and npm.
// Runs all steps even where one fails, and ends with `N passed, N failed`.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { install, root, run } from './run.mjs'

const results = `${root}/.cache/results`
const counts = { passed: 0, failed: 0 }
/** @type {string[]} */
const failedSteps = []
const started = performance.now()
/** @param {number} since */
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(0)} s`

/**
 * @param {string} title
 * @param {(held?: Buffer[]) => Promise<boolean>} action resolves to whether all is well
 * @param {Buffer[]} [held] where it runs beside another step: what is printed waits until it ends
 */
async function step(title, action, held) {
  const start = performance.now()
  if (!held) console.log(`\n=== ${title}`)
  const before = counts.failed
  /** @type {unknown} */
  let problem
  const good = await action(held).catch((error) => {
    problem = error instanceof Error ? error.message : error
    return false
  })
  if (held) process.stdout.write(`\n=== ${title}\n${Buffer.concat(held).toString()}`)
  if (problem) console.error(problem)
  console.log(`=== ${title}: ${good ? 'ok' : 'FAILED'} (${seconds(start)})`)
  if (good) return
  failedSteps.push(title)
  // A step that fails without a failed test (a compiler, a crash) still counts.
  if (held || counts.failed === before) counts.failed += 1
}

/**
 * A step of one core and no counted tests, which another may run beside.
 * @param {string} title
 * @param {(held?: Buffer[]) => Promise<boolean>} action
 */
const beside = (title, action) => step(title, action, [])

/** @type {(command: string) => (held?: Buffer[]) => Promise<boolean>} */
const tool = (command) => (held) => run('npx', ['--no-install', ...command.split(' ')], { held })
/** @type {(file: string) => (held?: Buffer[]) => Promise<boolean>} */
const script = (file) => (held) => run(process.execPath, [file], { held })

/**
 * Runs vitest and counts its tests. A run without tests, or with skipped ones, is a failure: nothing was shown.
 * @param {string} folder
 * @param {string[]} args
 */
async function vitest(folder, ...args) {
  const report = `${results}/${[folder, ...args].join('-').replace(/[^\w]+/g, '-')}.json`
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const good = await run('npx', ['--no-install', 'vitest', 'run', ...args, ...reporters], { cwd: `${root}/${folder}` })
  if (!existsSync(report)) return false
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, 'utf8'))
  counts.passed += numPassedTests
  counts.failed += numFailedTests
  const skipped = numPendingTests + numTodoTests
  if (numPassedTests + numFailedTests === 0) console.error(`No test ran in ${folder}.`)
  if (skipped > 0) console.error(`${skipped} tests were skipped in ${folder}.`)
  return good && numPassedTests > 0 && skipped === 0
}

rmSync(results, { recursive: true, force: true })
await step('install', install)
if (failedSteps.length === 0) {
  mkdirSync(results, { recursive: true })
  const checked = beside('typecheck', tool('vue-tsc --noEmit'))
    .then(() => beside('format', tool('prettier --check --log-level warn .')))
    .then(() => beside('architecture', script('tools/ci/house.mjs')))
  await Promise.all([beside('lint', tool('eslint . --max-warnings 0')), checked])
  await step('build', tool('nx run-many -t build --outputStyle=stream'))
  const packed = beside('published packages', script('tools/ci/check-packages.mjs'))
    .then(() => beside('unused code and dependencies', tool('knip')))
    .then(() => beside('bundle sizes', tool('size-limit')))
  await Promise.all([beside('API reference', tool('typedoc --logLevel Warn')), packed])
  for (const name of readdirSync(`${root}/packages`))
    await step(`unit tests: ${name}`, () => vitest(`packages/${name}`))
  // In one run, which keeps every core busy: installing is one long file.
  await step('parity with Python, packages as users install them, browsers', () =>
    vitest('parity-tests', ...['parity', 'consume', 'browser'].flatMap((name) => ['--project', name])),
  )
}

console.log(`\n${failedSteps.length === 0 ? 'All is well' : `Failed: ${failedSteps.join(', ')}`} (${seconds(started)})`)
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = failedSteps.length === 0 && counts.failed === 0 ? 0 : 1
