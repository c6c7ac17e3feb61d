import { expect, it, vi } from 'vitest'
import { loadImage } from '../load'

it('names the package that HEIC needs', async () => {
  vi.doMock('libheif-js/wasm-bundle.js', () => {
    throw new Error('Cannot find package')
  })
  const file = Buffer.alloc(64)
  file.write('....ftypheic....mif1heic')
  file.writeUInt32BE(24)
  await expect(loadImage(file)).rejects.toMatchObject({
    name: 'ImageError',
    code: 'heif-missing',
    message: expect.stringMatching(/npm install libheif-js/) as string,
  })
})
