import { readFileSync } from 'node:fs'

import { describe, expect, it, vi } from 'vitest'

import { checkProcessor, type ProcessorFixture } from './processors'

// Before the package is loaded: as a browser whose content security policy forbids WebAssembly.
vi.hoisted(() => Reflect.deleteProperty(globalThis, 'WebAssembly'))

const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/images/processors.json', import.meta.url), 'utf8'),
) as ProcessorFixture

describe.each(['torchvision', 'pil'] as const)('image processors without WebAssembly, %s backend', (backend) => {
  it('equals transformers bit for bit, and fails where it fails', async () => {
    expect(typeof WebAssembly).toBe('undefined')
    const differences: string[] = []
    for (const item of fixture.cases) {
      const difference = await checkProcessor(item, backend)
      if (difference) differences.push(difference)
    }
    expect(differences).toEqual([])
  })
})
