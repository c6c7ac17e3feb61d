import { BackendError } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu'
import { lanesOf } from '../kernels/kernel'
import { BufferPool } from './pool'

export type Program = Parameters<WebGPUBackend['runWebGPUProgram']>[0]
export type Uniforms = Parameters<WebGPUBackend['runWebGPUProgram']>[3]

/** A use of a program before the device is known to take it. */
export interface Trial {
  readonly kernel: string
  readonly error: Promise<GPUError | null>
}

/** TensorFlow.js's programs whose workgroups reduce a row each, and how long it is. */
const ROW_OF: Readonly<Record<string, (program: Program, uniforms: Uniforms) => number | undefined>> = {
  matMulReduce: (_, uniforms) => uniforms?.[2]?.data[0],
  reduce: (_, uniforms) => uniforms?.[0]?.data[0],
  softmax: ({ outputShape }) => outputShape[1],
}

/** Gives a short row no more invocations than it has use for: 64 to 256 meet at every barrier, however short it is. */
function fit(program: Program, uniforms: Uniforms): void {
  const [name = ''] = program.shaderKey.split('_')
  const length = ROW_OF[name]?.(program, uniforms)
  const [most] = program.workgroupSize
  if (length !== undefined) program.workgroupSize = [lanesOf(length, most), 1, 1]
}

/** TensorFlow.js asks `navigator.gpu` whether there is WebGPU, also when it is given a device. */
function withNavigator<T>(gpu: GPU, make: () => T): T {
  if ((globalThis.navigator as Navigator | undefined)?.gpu) return make()
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true })
  try {
    return make()
  } finally {
    if (before) Object.defineProperty(globalThis, 'navigator', before)
    else delete (globalThis as { navigator?: unknown }).navigator
  }
}

/** TensorFlow.js's WebGPU backend on a device of ours: exact reads, pooled buffers, kernels on trial. */
export class DeviceBackend extends WebGPUBackend {
  /** Programs run so far. */
  dispatches = 0
  /** Programs that the device is known to take. */
  readonly #good = new Set<string>()
  #trials: Trial[] = []

  static on(gpu: GPU, device: GPUDevice, info: GPUAdapterInfo): DeviceBackend {
    return withNavigator(gpu, () => new DeviceBackend(device, info))
  }

  private constructor(device: GPUDevice, info: GPUAdapterInfo) {
    super(device, info)
    this.bufferManager = new BufferPool(device) as unknown as WebGPUBackend['bufferManager']
  }

  get pool(): BufferPool {
    return this.bufferManager as unknown as BufferPool
  }

  /** Small tensors would be computed on the cpu and uploaded again. */
  override shouldExecuteOnCPU(): boolean {
    return false
  }

  override runWebGPUProgram(...args: Parameters<WebGPUBackend['runWebGPUProgram']>): tf.TensorInfo {
    this.dispatches++
    fit(args[0], args[3])
    return super.runWebGPUProgram(...args)
  }

  /** Runs a program of ours; when it is new to the device, on trial. */
  runKernel(
    kernel: string,
    program: Program,
    inputs: tf.TensorInfo[],
    dtype: tf.DataType,
    uniforms: Uniforms,
  ): tf.TensorInfo {
    const run = () => this.runWebGPUProgram(program, inputs, dtype, uniforms)
    const key = program.shaderKey
    if (this.#good.has(key)) return run()
    // Alone in what is submitted, all of which is dropped where one command is not valid.
    this.flush()
    this.device.pushErrorScope('validation')
    try {
      const output = run()
      this.flush()
      return output
    } finally {
      const error = this.device.popErrorScope().catch(() => null)
      this.#trials.push({ kernel, error })
      void error.then((problem) => problem === null && this.#good.add(key))
    }
  }

  /** Those since the last call. */
  takeTrials(): Trial[] {
    return this.#trials.splice(0)
  }

  /** Hands over what is recorded. */
  flush(): void {
    this.ensureCommandEncoderReady()
    this.endComputePassEncoder()
    this.submitQueue()
  }

  /** Nothing is kept on the host beside it, and no more is read than the tensor has. */
  override async read(dataId: object): Promise<tf.backend_util.BackendValues> {
    const { values, dtype, shape, resource } = this.tensorMap.get(dataId)
    if (values) return values
    const size = 4 * tf.util.sizeFromShape(shape)
    if (size === 0) return new Float32Array(0)
    const staging = this.pool.acquireBuffer(size, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ)
    this.ensureCommandEncoderReady()
    this.endComputePassEncoder()
    const { commandEncoder } = this as unknown as { commandEncoder: GPUCommandEncoder }
    commandEncoder.copyBufferToBuffer(resource as GPUBuffer, 0, staging, 0, size)
    this.submitQueue()
    try {
      await staging.mapAsync(GPUMapMode.READ, 0, size)
      const bytes = staging.getMappedRange(0, size).slice(0)
      staging.unmap()
      if (dtype === 'float32') return new Float32Array(bytes)
      return dtype === 'bool' ? Uint8Array.from(new Int32Array(bytes)) : new Int32Array(bytes)
    } finally {
      this.pool.releaseBuffer(staging, staging.mapState === 'unmapped')
    }
  }

  override readSync(dataId: object): tf.backend_util.BackendValues {
    const { values } = this.tensorMap.get(dataId)
    if (values) return values
    throw new BackendError(
      'no-sync-read',
      'Values on the GPU cannot be read at once: await tensor.data() in place of tensor.dataSync().',
    )
  }
}
