import { fileURLToPath } from 'node:url'
import * as core from '@dual-encoder/core'
import { expect, it } from 'vitest'
import { bundle } from './bundle'

/** In `node_modules`, where the engines are found. */
const FOLDER = fileURLToPath(new URL('../../packages/onnx/node_modules/.names/', import.meta.url))

// esbuild loses a module that only a barrel exports where something else imports that barrel on demand.
it('each public name of core is there in a bundle that asks for it alone', async () => {
  const missing: string[] = []
  for (const name of Object.keys(core)) {
    const file = `${FOLDER}${name}.mjs`
    await bundle(`export { ${name} } from '@dual-encoder/core'`, file)
    const found = (await import(/* @vite-ignore */ file)) as Record<string, unknown>
    if (found[name] === undefined) missing.push(name)
  }
  expect(missing).toEqual([])
})
