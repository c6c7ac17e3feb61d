import { defineConfig } from 'vitest/config'
import { dawnWaits, useSwiftShader } from '../tools/browser/swiftshader.ts'
import shared, { globalSetup, maxWorkers } from '../vitest.shared.ts'

// Tests run in processes of their own, which start with this environment.
await useSwiftShader()

const project = (name: string, include: string, timeout: number) => ({
  ...shared,
  test: { name, include: [include], setupFiles: [dawnWaits], testTimeout: timeout, hookTimeout: timeout },
})

export default defineConfig({
  test: {
    maxWorkers,
    globalSetup,
    projects: [
      // Sources against Python's outputs.
      project('parity', 'src/**/*.test.ts', 60_000),
      // Built and packed packages, as a user installs them.
      project('consume', 'consume/**/*.test.ts', 300_000),
      // Bundles of the built packages in headless Chromium.
      project('browser', 'browser/**/*.test.ts', 120_000),
      // What takes long, or Python, and is written to docs/proof.
      project('proof', 'proof/**/*.test.ts', 600_000),
    ],
  },
})
