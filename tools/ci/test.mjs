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
 * @param {() => Promise<boolean>} action resolves to whether all is well
 */
async function step(title, action) {
  const start = performance.now()
  console.log(`\n=== ${title}`)
  const before = counts.failed
  const good = await action().catch((error) => {
    console.error(error instanceof Error ? error.message : error)
    return false
  })
  console.log(`=== ${title}: ${good ? 'ok' : 'FAILED'} (${seconds(start)})`)
  if (good) return
  failedSteps.push(title)
  // A step that fails without a failed test (a compiler, a crash) still counts.
  if (counts.failed === before) counts.failed += 1
}

/** @param {string} command */
const tool = (command) => run('npx', ['--no-install', ...command.split(' ')])

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
  await step('lint', () => tool('eslint . --max-warnings 0'))
  await step('architecture', () => run(process.execPath, ['tools/ci/house.mjs']))
  await step('format', () => tool('prettier --check --log-level warn .'))
  await step('typecheck', () => tool('nx run-many -t typecheck --outputStyle=stream'))
  await step('build', () => tool('nx run-many -t build --outputStyle=stream'))
  await step('unused code and dependencies', () => tool('knip'))
  await step('published packages', () => run(process.execPath, ['tools/ci/check-packages.mjs']))
  await step('bundle sizes', () => tool('size-limit'))
  for (const name of readdirSync(`${root}/packages`))
    await step(`unit tests: ${name}`, () => vitest(`packages/${name}`))
  await step('parity with Python', () => vitest('parity-tests', '--project', 'parity'))
  await step('packages as users install them', () => vitest('parity-tests', '--project', 'consume'))
  await step('browsers', () => vitest('parity-tests', '--project', 'browser'))
  await step('API reference', () => tool('typedoc --logLevel Warn'))
}

console.log(`\n${failedSteps.length === 0 ? 'All is well' : `Failed: ${failedSteps.join(', ')}`} (${seconds(started)})`)
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = failedSteps.length === 0 && counts.failed === 0 ? 0 : 1
