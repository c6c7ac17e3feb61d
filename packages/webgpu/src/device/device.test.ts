import { execFile } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Warning } from '@dual-encoder/core'
import * as tf from '@tensorflow/tfjs-core'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { raw } from '../../../../tools/build/raw'
import { script } from '../../../../tools/build/script'
import { apart, config, inputIds, inputs, logits, pixelValues, plainDevice, refusing } from '../../test/models'
import { VisionTextDualEncoderModel } from '../index'

describe('a device', () => {
  let sound: Promise<number[]> | undefined
  const soundLogits = () =>
    (sound ??= (async () => {
      await using model = await VisionTextDualEncoderModel.fromConfig(config(), { seed: 3 })
      return logits(await model.forward(inputs))
    })())

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
    const wanted = await soundLogits()
    await model.getTextFeatures(inputs)
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
      const wanted = await soundLogits()
      const device = await plainDevice()
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
      DualEncoderAddLayerNorm: 'sum[base',
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
