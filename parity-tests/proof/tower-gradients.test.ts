import { afterAll } from 'vitest'
import { record } from './record'

// Gradients of every tower on WebGPU too.
process.env.PARITY_REPORT = '1'
const { SHARES } = await import('../src/tower-gradients.test')

afterAll(() =>
  record('tower-gradients', {
    what:
      "Gradients of every tower and family against PyTorch's in float64: of the parameter that is farthest off the " +
      'distance, as a share of what is allowed (1e-5 of the norm or of a hundredth of the largest, or 3 times what ' +
      "PyTorch's own float32 is off; ten times that on WebGPU, SwiftShader here).",
    ...SHARES,
  }),
)
