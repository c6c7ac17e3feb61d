import {
  BackendError,
  DualEncoderError,
  type EncoderSpec,
  encoderWeights,
  OptionError,
  printWarning,
  type Weights,
} from '@dual-encoder/core/backend'
import {
  computing,
  type DropoutMasks,
  Engine,
  makeCurrent,
  registerGradients,
  type TensorWeights,
} from '@dual-encoder/tfjs/engine-api'
import * as tf from '@tensorflow/tfjs-core'
import { CANARY_COSINE, cosine, pooledSample } from './canary'
import type { Device } from './device/device'
import { gpuError } from './device/faults'
import { closeDevice, openDevice } from './device/shared'
import { WebGpuOps } from './ops'
import { DTYPES, type WebGpuOptions } from './options'
import { type GpuWeights, loadGpuWeights } from './weights'

/** How often each kernel has failed in a run. */
type Suspects = Map<string, number>

/** Runs encoders on a WebGPU device, and looks after it. */
export class WebGpuEngine extends Engine {
  #device?: Device

  constructor(readonly options: WebGpuOptions) {
    super()
    const { dtype = 'float32' } = options
    const advice = /^int8/.test(dtype)
      ? ' int8 is computed by @dual-encoder/onnx on the processor; here float16 halves the memory.'
      : ''
    if (!DTYPES.includes(dtype))
      throw new OptionError('bad-dtype', `dtype "${String(dtype)}": allowed are ${DTYPES.join(', ')}.${advice}`)
  }

  /** Undefined before it is open. */
  get device(): Device | undefined {
    return this.#device
  }

  protected override async begin(): Promise<string> {
    registerGradients()
    this.#device = await openDevice(this, this.options.device)
    return this.#device.name
  }

  protected override end(): Promise<unknown> {
    return closeDevice(this)
  }

  async #opened(): Promise<Device> {
    await this.start()
    return this.#device as Device
  }

  override async load(encoder: EncoderSpec, weights: Weights): Promise<GpuWeights> {
    const device = await this.#opened()
    const { dtype = 'float32', onWarning = printWarning } = this.options
    const half = dtype === 'float16' || (dtype === 'auto' && device.gpuDevice.features.has('shader-f16'))
    const loaded = (inHalf: boolean) =>
      this.#guarded(device, () => loadGpuWeights(encoderWeights(encoder, weights), device, inHalf))
    if (!half) return loaded(false)
    const precise = await loaded(false)
    const wanted = await this.#sample(encoder, precise)
    precise.dispose()
    const refused = new Set(device.refused)
    const halves = await loaded(true)
    // A kernel for halves that the GPU refuses has nothing that could take its place.
    const given = await this.#sample(encoder, halves).catch((error: Error) => error)
    const likeness = given instanceof Error ? NaN : cosine(wanted, given)
    if (likeness >= CANARY_COSINE) return halves
    halves.dispose()
    device.forgive(refused)
    onWarning({
      code: 'float16-inexact',
      message:
        `The ${encoder.kind} tower stays in float32: with float16 weights its vector of a sample has a cosine of ` +
        `${likeness.toFixed(4)} to float32's; ${CANARY_COSINE} is needed.`,
    })
    return loaded(false)
  }

  #sample(encoder: EncoderSpec, weights: GpuWeights): Promise<Float32Array> {
    const read = (pooled: tf.Tensor) => pooled.data<'float32'>()
    return this.run(() => pooledSample(this.ops(weights), encoder), read)
  }

  /** What was made of weights in the commands that the GPU dropped is nothing. */
  override spoilsWeights(error: unknown): boolean {
    return error instanceof BackendError && (error.code === 'gpu-error' || error.code === 'out-of-memory')
  }

  override ops(weights: TensorWeights, masks?: DropoutMasks): WebGpuOps {
    return new WebGpuOps(this.#device as Device, weights, masks)
  }

  /** What fails because the device is lost says so. */
  async #guarded<R>(device: Device, work: () => Promise<R>): Promise<R> {
    device.faults.checkLost()
    try {
      return await work()
    } catch (error) {
      await device.faults.check()
      if (error instanceof DualEncoderError) throw error
      throw new BackendError('engine-failed', `WebGPU failed: ${(error as Error).message}`, { cause: error })
    }
  }

  override async run<T extends tf.TensorContainer, R>(compute: () => T, read: (outputs: T) => Promise<R>): Promise<R> {
    const device = await this.#opened()
    const refused = new Set(device.refused)
    const suspects: Suspects = new Map()
    try {
      return await this.#guarded(device, async () => {
        for (;;) {
          const result = await this.#attempt(device, suspects, compute, read)
          if (result) return result.value
        }
      })
    } catch (error) {
      if (this.spoilsWeights(error)) device.forgive(refused)
      throw error
    }
  }

  /** @returns undefined where the device refused a kernel: to be tried again. */
  async #attempt<T extends tf.TensorContainer, R>(
    device: Device,
    suspects: Suspects,
    compute: () => T,
    read: (outputs: T) => Promise<R>,
  ): Promise<{ value: R } | undefined> {
    const { backend, faults } = device
    makeCurrent(device.name)
    // What is recorded so far is another's.
    backend.flush()
    const found = faults.watch()
    let outputs: T | undefined
    try {
      let failure: unknown
      try {
        outputs = computing(() => tf.tidy(compute))
      } catch (error) {
        failure = error
      }
      backend.flush()
      const errors = found()
      const trials = backend.takeTrials()
      const value = outputs === undefined ? undefined : read(outputs)
      value?.catch(() => undefined)
      if (await this.#refused(device, suspects, trials)) return undefined
      const gathered = await errors
      await (gathered.length > 0 ? faults.check() : undefined)
      if (failure) throw failure as Error
      if (gathered.length > 0) {
        backend.pool.distrust()
        throw gpuError(gathered)
      }
      return { value: (await value) as R }
    } finally {
      tf.dispose(outputs)
    }
  }

  /**
   * Sets kernels aside that failed twice: once may have been an invalid buffer.
   * @returns whether any failed
   * @throws BackendError where nothing takes a kernel's place
   */
  async #refused(
    device: Device,
    suspects: Suspects,
    trials: ReturnType<Device['backend']['takeTrials']>,
  ): Promise<boolean> {
    const failed = new Map<string, string>()
    for (const { kernel, error } of trials) {
      const problem = await error
      if (problem) failed.set(kernel, problem.message)
    }
    if (failed.size === 0) return false
    device.backend.pool.distrust()
    for (const [kernel, reason] of failed) {
      const times = (suspects.get(kernel) ?? 0) + 1
      suspects.set(kernel, times)
      if (times > 2) throw new BackendError('gpu-error', `The GPU refused the kernel ${kernel}: ${reason}`)
      if (times === 2 && device.has(kernel)) {
        device.refused.add(kernel)
        const { onWarning = printWarning } = this.options
        onWarning({
          code: 'kernel-refused',
          message: `The GPU refused the kernel ${kernel}; slower ones take its place. ${reason.slice(0, 300)}`,
        })
      }
    }
    return true
  }

  /** Opens a device in place of one that was lost. Weights are loaded there when they are next asked for. */
  async recover(device?: GPUDevice): Promise<void> {
    await closeDevice(this)
    this.restart()
    this.#device = undefined
    if (device) this.options.device = device
    await this.start()
  }
}
