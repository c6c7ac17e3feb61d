import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'
import { viteScript } from './tools/build/script.ts'

/** Tests run the packages' sources: the custom export condition needs no build. */
const conditions = ['@dual-encoder/source', 'node', 'import', 'default']

/** A core for each file of tests: vitest leaves one out by itself. */
export const maxWorkers = '100%'

/** Where temporary files of tests go, and that they go. */
export const globalSetup = resolve(import.meta.dirname, 'tools/ci/temporary.ts')

export default defineConfig({
  plugins: [viteScript],
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: ['src/**/*.test.ts', 'test/**/*.test.ts'], testTimeout: 60_000, maxWorkers, globalSetup },
})
