import { execFile } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import {
  BertConfig,
  Dinov2Config,
  type DualEncoderOutput,
  RobertaConfig,
  tensor,
  ViTConfig,
  VisionTextDualEncoderConfig,
  type Warning,
} from '@dual-encoder/core'
import * as tf from '@tensorflow/tfjs-core'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { raw } from '../../../../tools/build/raw'
import { script } from '../../../../tools/build/script'
import { VisionTextDualEncoderModel } from '../index'
import { platform } from '../gpu/node'

const size = { hiddenSize: 24, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 32 }
const config = (text: Record<string, unknown> = {}) =>
  VisionTextDualEncoderConfig.fromVisionTextConfigs(
    new ViTConfig({ ...size, imageSize: 24, patchSize: 6 }),
    new BertConfig({ ...size, vocabSize: 100, ...text }),
    { projectionDim: 16 },
  )
const inputIds = (rows: number, length: number) =>
  tensor(
    BigInt64Array.from({ length: rows * length }, (_, i) => BigInt((7 * i) % 90)),
    [rows, length],
  )
const pixelValues = tensor(
  Float32Array.from({ length: 2 * 3 * 24 * 24 }, (_, i) => Math.sin(i)),
  [2, 3, 24, 24],
)
const inputs = { inputIds: inputIds(3, 7), pixelValues }
const logits = (output: DualEncoderOutput) => [...(output.logitsPerImage.data as Float32Array)]
const apart = (a: number[], b: number[]) => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))

/** A device like those that programs open, with the limits that every device has. */
async function plainDevice(): Promise<GPUDevice> {
  const adapter = await (await platform.gpu()).requestAdapter()
  return adapter!.requestDevice()
}

/** The device as one that takes no shader which says `part`. */
const refusing = (device: GPUDevice, part: string): GPUDevice =>
  new Proxy(device, {
    get: (target, key) => {
      if (key === 'createShaderModule')
        return ({ code, ...rest }: GPUShaderModuleDescriptor) =>
          target.createShaderModule({ ...rest, code: code.includes(part) ? `${code} broken` : code })
      const value = Reflect.get(target, key) as unknown
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value
    },
  })

describe('a device', () => {
  it('is named, shared by models, and closed with the last of them', async () => {
    const [one, other] = [
      await VisionTextDualEncoderModel.fromConfig(config(), { seed: 1 }),
      await VisionTextDualEncoderModel.fromConfig(config(), { seed: 1 }),
    ]
    expect(one.adapterInfo).toBeUndefined()
    const wanted = logits(await one.forward(inputs))
    expect(logits(await other.forward(inputs))).toEqual(wanted)
    expect(one.adapterInfo?.vendor).toBeTruthy()
    expect(one.device).toBe(other.device)
    let lost = false
    void one.device!.lost.then(() => (lost = true))
    await one.dispose()
    expect(logits(await other.forward(inputs))).toEqual(wanted)
    await other.dispose()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(lost).toBe(true)
  })

  it('that was given stays open', async () => {
    const device = await plainDevice()
    const model = await VisionTextDualEncoderModel.fromConfig(config(), { device })
    await model.forward(inputs)
    expect(model.device).toBe(device)
    await model.dispose()
    device.pushErrorScope('validation')
    device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE }).destroy()
    expect(await device.popErrorScope()).toBeNull()
    device.destroy()
  })

  it('that is lost says so, and one call opens another with the weights', async () => {
    const model = await VisionTextDualEncoderModel.fromConfig(config(), { seed: 3 })
    const wanted = logits(await model.forward(inputs))
    const before = model.device!
    before.destroy()
    await expect(model.forward(inputs)).rejects.toMatchObject({
      code: 'device-lost',
      message: expect.stringContaining('model.recover()') as string,
    })
    await expect(model.getImageFeatures({ pixelValues })).rejects.toMatchObject({ code: 'device-lost' })
    await model.recover()
    expect(model.device).not.toBe(before)
    expect(logits(await model.forward(inputs))).toEqual(wanted)
    await model.dispose()
  })

  it('that is lost in the middle of a call says so', async () => {
    const model = await VisionTextDualEncoderModel.fromConfig(config())
    await model.forward(inputs)
    const running = model.forward(inputs)
    queueMicrotask(() => model.device?.destroy())
    await expect(running).rejects.toMatchObject({ code: 'device-lost' })
    await model.recover()
    await model.forward(inputs)
    await model.dispose()
  })

  it.each([0, 3, 9, 27])(
    'that fails in the first call (buffer %i) gives the right numbers in the next',
    async (bad) => {
      const device = await plainDevice()
      const sound = await VisionTextDualEncoderModel.fromConfig(config(), { seed: 3, device })
      const wanted = logits(await sound.forward(inputs))
      await sound.dispose()
      const model = await VisionTextDualEncoderModel.fromConfig(config(), { seed: 3, device })
      await model.ready()
      const createBuffer = device.createBuffer.bind(device)
      let created = 0
      device.createBuffer = (descriptor) =>
        createBuffer(created++ === bad ? { ...descriptor, size: device.limits.maxBufferSize + 4 } : descriptor)
      await expect(model.forward(inputs)).rejects.toMatchObject({ code: 'gpu-error' })
      expect(logits(await model.forward(inputs))).toEqual(wanted)
      await model.dispose()
      device.destroy()
    },
  )

  it('that refuses a shader is given slower ones, with one warning', async () => {
    const device = await plainDevice()
    const wanted = await VisionTextDualEncoderModel.fromConfig(config(), { seed: 5 })
    const expected = logits(await wanted.forward(inputs))
    await wanted.dispose()
    for (const [name, part] of Object.entries({
      DualEncoderAttention: 'keyBlock',
      DualEncoderLinear: 'matrixAt',
      DualEncoderAddLayerNorm: 'written',
      DualEncoderL2Normalize: 'let norm = sqrt',
      DualEncoderPatches: 'let channel',
    })) {
      const warnings: Warning[] = []
      const options = {
        seed: 5,
        device: refusing(device, part),
        onWarning: (warning: Warning) => void warnings.push(warning),
      }
      const model = await VisionTextDualEncoderModel.fromConfig(config(), options as { seed: number })
      expect(apart(logits(await model.forward(inputs)), expected), name).toBeLessThan(1e-5)
      expect(apart(logits(await model.forward(inputs)), expected)).toBeLessThan(1e-5)
      const refused = warnings.map(({ code, message }) => [code, /kernel (\w+)/.exec(message)?.[1]])
      expect(refused.length).toBeGreaterThan(0)
      expect(refused.every(([code, kernel]) => code === 'kernel-refused' && kernel?.startsWith(name))).toBe(true)
      await model.dispose()
    }
    device.destroy()
  })

  it('reads a table larger than a binding in parts', async () => {
    const device = await plainDevice()
    const limit = device.limits.maxStorageBufferBindingSize
    const text = { ...size, numHiddenLayers: 1, hiddenSize: 160, vocabSize: 250002 }
    expect(4 * text.vocabSize * text.hiddenSize).toBeGreaterThan(limit)
    const large = VisionTextDualEncoderConfig.fromVisionTextConfigs(
      new ViTConfig({ ...size, numHiddenLayers: 1, imageSize: 24, patchSize: 6 }),
      new RobertaConfig(text),
      { projectionDim: 16 },
    )
    const ids = {
      inputIds: tensor(BigInt64Array.from([0n, 5n, 130000n, 209714n, 209715n, 209716n, 250001n, 2n]), [1, 8]),
    }
    const run = async (options: object) => {
      const model = await VisionTextDualEncoderModel.fromConfig(large, { seed: 2, ...options })
      const features = [...((await model.getTextFeatures(ids)).data as Float32Array)]
      await model.dispose()
      return features
    }
    const whole = await run({})
    expect(apart(await run({ device }), whole)).toBe(0)
    device.destroy()
  }, 180_000)

  it('keeps its memory over 300 lengths of text', async () => {
    const model = await VisionTextDualEncoderModel.fromConfig(config({ maxPositionEmbeddings: 512 }))
    const allocated = () => tf.memory() as unknown as { numBytesAllocatedInGPU: number; numTensors: number }
    const embed = async (parity: 0 | 1) => {
      for (let length = 300 - parity; length > 0; length -= 2)
        await model.getTextFeatures({ inputIds: inputIds(1, length) })
      return allocated().numBytesAllocatedInGPU
    }
    const even = await embed(0)
    // 150 lengths that were never seen fit into the buffers of the others.
    expect((await embed(1)) / even).toBeLessThan(1.02)
    const tensors = allocated().numTensors
    await model.getTextFeatures({ inputIds: inputIds(1, 77) })
    expect(allocated().numTensors).toBe(tensors)
    await model.dispose()
  })

  it('compiles ahead what a batch needs', async () => {
    const model = await VisionTextDualEncoderModel.fromConfig(config())
    const features = async () => {
      await model.getImageFeatures({ pixelValues })
      await model.getTextFeatures({ inputIds: inputIds(3, 7) })
    }
    await model.warmUp({ images: 2, texts: 3, length: 7 })
    const { pipelineCache } = tf.findBackend(model.tfBackend!) as unknown as { pipelineCache: object }
    const compiled = Object.keys(pipelineCache).length
    expect(compiled).toBeGreaterThan(10)
    await features()
    expect(Object.keys(pipelineCache)).toHaveLength(compiled)
    await model.dispose()
  })

  it('holds its weights once when they are loaded', async () => {
    const model = await VisionTextDualEncoderModel.fromConfig(config({ hiddenSize: 160, vocabSize: 60_000 }))
    await model.getTextFeatures({ inputIds: inputIds(1, 4) })
    const { numBytesAllocatedInGPU } = tf.memory() as unknown as { numBytesAllocatedInGPU: number }
    expect(numBytesAllocatedInGPU / (4 * 160 * 60_000)).toBeLessThan(1.1)
    await model.dispose()
  })

  it('leaves no tensor behind, also where a call fails', async () => {
    tf.registerBackend('nothing', () => ({ numDataIds: () => 0, dispose: () => undefined }) as never, -1)
    const before = tf.engine().state.numTensors
    const model = await VisionTextDualEncoderModel.fromConfig(config())
    await model.forward(inputs)
    await expect(model.forward(inputs, { signal: AbortSignal.abort() })).rejects.toThrow()
    model.device!.destroy()
    await expect(model.forward(inputs)).rejects.toMatchObject({ code: 'device-lost' })
    await model.recover()
    await model.forward(inputs)
    await model.dispose()
    expect(tf.engine().state.numTensors).toBe(before)
  })
})

describe('a block of', () => {
  const { intermediateSize: _, ...dinov2 } = size
  it.each([
    ['ViT', (numHiddenLayers: number) => new ViTConfig({ ...size, numHiddenLayers, imageSize: 24, patchSize: 6 })],
    [
      'DINOv2',
      (numHiddenLayers: number) => new Dinov2Config({ ...dinov2, numHiddenLayers, imageSize: 24, patchSize: 6 }),
    ],
  ])('%s is at most 7 dispatches', async (_, vision) => {
    const dispatches = async (layers: number) => {
      const deep = VisionTextDualEncoderConfig.fromVisionTextConfigs(
        vision(layers),
        new BertConfig({ ...size, vocabSize: 100 }),
        { projectionDim: 16 },
      )
      const model = await VisionTextDualEncoderModel.fromConfig(deep)
      const run = () => model.forward(inputs)
      await run()
      const backend = tf.findBackend(model.tfBackend!) as unknown as { dispatches: number }
      const before = backend.dispatches
      await run()
      const count = backend.dispatches - before
      await model.dispose()
      return count
    }
    expect((await dispatches(4)) - (await dispatches(3))).toBeLessThanOrEqual(7)
  })
})

describe('float16', () => {
  it('is close to float32, and never silent where it is not', async () => {
    const cosine = (a: number[], b: number[]) => {
      const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * y[i]!, 0)
      return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
    }
    const features = async (options: object) => {
      const model = await VisionTextDualEncoderModel.fromConfig(config(), { seed: 4, ...options })
      const data = (await model.getImageFeatures({ pixelValues })).data as Float32Array
      await model.dispose()
      return [...data]
    }
    const warnings: Warning[] = []
    const onWarning = (warning: Warning) => void warnings.push(warning)
    const [full, half] = [await features({}), await features({ dtype: 'float16', onWarning })]
    expect(warnings).toEqual([])
    expect(half).not.toEqual(full)
    expect(cosine(full, half)).toBeGreaterThan(0.999)
  })

  it('gives way with a warning where weights are beyond its range', async () => {
    const model = await VisionTextDualEncoderModel.fromConfig(config(), { seed: 4 })
    const params = await model.params()
    const name = 'vision_model.encoder.layer.0.intermediate.dense.weight'
    const huge = { ...params, [name]: tf.mul(params[name]!, 1e8) }
    const large = await model.withParams(huge)
    const warnings: Warning[] = []
    const halves = new VisionTextDualEncoderModel((large as unknown as { loaded: never }).loaded, {
      dtype: 'float16',
      onWarning: (warning) => void warnings.push(warning),
    })
    const wanted = (await large.getImageFeatures({ pixelValues })).data as Float32Array
    const given = (await halves.getImageFeatures({ pixelValues })).data as Float32Array
    expect(warnings.map(({ code }) => code)).toEqual(['float16-inexact'])
    expect([...given]).toEqual([...wanted])
    tf.dispose([params, huge])
    for (const each of [model, large, halves]) await each.dispose()
  })

  it('gives way with a warning where the GPU takes none of its shaders', async () => {
    const device = await plainDevice()
    const model = await VisionTextDualEncoderModel.fromConfig(config(), { seed: 4, device })
    const wanted = logits(await model.forward(inputs))
    await model.dispose()
    const codes: string[] = []
    const halves = await VisionTextDualEncoderModel.fromConfig(config(), {
      seed: 4,
      device: refusing(device, 'pack2x16float'),
      dtype: 'float16',
      onWarning: ({ code }) => void codes.push(code),
    })
    expect(logits(await halves.forward(inputs))).toEqual(wanted)
    expect(codes).toContain('float16-inexact')
    await halves.dispose()
    device.destroy()
  })

  it('takes no other dtype', async () => {
    const options = { dtype: 'int8' as 'float16' }
    await expect(async () => VisionTextDualEncoderModel.fromConfig(config(), options)).rejects.toMatchObject({
      code: 'bad-dtype',
    })
  })
})

describe('a process', () => {
  const root = resolve(import.meta.dirname, '../../../..')
  const program = (code: string) =>
    `import { VisionTextDualEncoderModel } from '@dual-encoder/webgpu'
     import { ViTConfig, BertConfig, VisionTextDualEncoderConfig, tensor } from '@dual-encoder/core'
     const size = { hiddenSize: 24, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 32 }
     const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(
       new ViTConfig({ ...size, imageSize: 24, patchSize: 6 }), new BertConfig({ ...size, vocabSize: 100 }))
     const model = await VisionTextDualEncoderModel.fromConfig(config)
     const pixelValues = tensor(new Float32Array(3 * 24 * 24), [1, 3, 24, 24])
     ${code}`
  const run = async (code: string, env: NodeJS.ProcessEnv = {}) => {
    const folder = `${root}/.cache`
    await mkdir(folder, { recursive: true })
    const outfile = `${folder}/webgpu-process-${process.pid}.mjs`
    await build({
      stdin: { contents: program(code), resolveDir: `${root}/packages/webgpu` },
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      conditions: ['@dual-encoder/source'],
      external: ['@tensorflow/*', 'webgpu', 'sharp'],
      plugins: [raw, script],
    })
    try {
      return await promisify(execFile)(process.execPath, [outfile], {
        env: { ...process.env, ...env },
        timeout: 60_000,
      })
    } finally {
      await rm(outfile)
    }
  }

  it('ends by itself, with the model in use or disposed of', async () => {
    expect((await run('await model.getImageFeatures({ pixelValues }); console.log("end")')).stdout).toBe('end\n')
    const disposed = 'await model.getImageFeatures({ pixelValues }); await model.dispose(); console.log("end")'
    expect((await run(disposed)).stdout).toBe('end\n')
  })

  it('without an adapter is told how to get one', async () => {
    const code = 'await model.ready().catch(({ code, message }) => console.log(code, message))'
    const { stdout } = await run(code, { VK_ICD_FILENAMES: '/nowhere.json' })
    expect(stdout).toMatch(/^no-adapter Dawn found no GPU adapter.*VK_ICD_FILENAMES/)
  })
})
