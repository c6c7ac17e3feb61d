import { fileURLToPath } from 'node:url'
import * as core from '@dual-encoder/core'
import { expect, it } from 'vitest'
import { bundles } from './bundle'

/** In `node_modules`, where the engines are found. */
const FOLDER = fileURLToPath(new URL('../../packages/onnx/node_modules/.names/', import.meta.url))

// esbuild loses a module that only a barrel exports where something else imports that barrel on demand.
it('each public name of core is there in a bundle that asks for it alone', async () => {
  const names = Object.keys(core)
  await bundles(Object.fromEntries(names.map((name) => [name, `export { ${name} } from '@dual-encoder/core'`])), FOLDER)
  const missing: string[] = []
  for (const name of names) {
    const found = (await import(/* @vite-ignore */ `${FOLDER}${name}.mjs`)) as Record<string, unknown>
    if (found[name] === undefined) missing.push(name)
  }
  expect(missing).toEqual([])
})
