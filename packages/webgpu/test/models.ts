import { BertConfig, type DualEncoderOutput, tensor, ViTConfig, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { platform } from '../src/gpu/node'

/** Of either tower. */
export const size = { hiddenSize: 24, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 32 }
export const config = (text: Record<string, unknown> = {}) =>
  VisionTextDualEncoderConfig.fromVisionTextConfigs(
    new ViTConfig({ ...size, imageSize: 24, patchSize: 6 }),
    new BertConfig({ ...size, vocabSize: 100, ...text }),
    { projectionDim: 16 },
  )
export const inputIds = (rows: number, length: number) =>
  tensor(
    BigInt64Array.from({ length: rows * length }, (_, i) => BigInt((7 * i) % 90)),
    [rows, length],
  )
export const pixelValues = tensor(
  Float32Array.from({ length: 2 * 3 * 24 * 24 }, (_, i) => Math.sin(i)),
  [2, 3, 24, 24],
)
export const inputs = { inputIds: inputIds(3, 7), pixelValues }
export const logits = (output: DualEncoderOutput) => [...(output.logitsPerImage.data as Float32Array)]
export const apart = (a: number[], b: number[]) => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))

/** A device like those that programs open, with the limits that every device has. */
export async function plainDevice(): Promise<GPUDevice> {
  const adapter = await (await platform.gpu()).requestAdapter()
  return adapter!.requestDevice()
}

/** The device as one that takes no shader which says `part`. */
export const refusing = (device: GPUDevice, part: string): GPUDevice =>
  new Proxy(device, {
    get: (target, key) => {
      if (key === 'createShaderModule')
        return ({ code, ...rest }: GPUShaderModuleDescriptor) =>
          target.createShaderModule({ ...rest, code: code.includes(part) ? `${code} broken` : code })
      const value = Reflect.get(target, key) as unknown
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value
    },
  })
