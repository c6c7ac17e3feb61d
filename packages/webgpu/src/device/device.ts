import { BackendError } from '@dual-encoder/core/backend'
import { platform } from '#gpu'
import * as tf from '@tensorflow/tfjs-core'
import { registerKernels } from '../kernels'
import { DeviceBackend } from './backend'
import { Faults } from './faults'

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupsPerDimension',
] as const satisfies readonly (keyof GPUSupportedLimits)[]

/** Used where the adapter has them. */
const FEATURES = ['shader-f16', 'subgroups', 'timestamp-query']

let opened = 0

/** A WebGPU device with a backend of TensorFlow.js of its own. */
export class Device {
  readonly backend: DeviceBackend
  /** TensorFlow.js's name for the backend: another one for each device. */
  readonly name: string
  readonly faults: Faults
  /** Kernels that this device does not take: their ops are composed of TensorFlow.js's. */
  readonly refused = new Set<string>()
  /** TensorFlow.js's backend until then. */
  readonly #before = tf.getBackend()

  private constructor(
    gpu: GPU,
    readonly gpuDevice: GPUDevice,
    readonly adapterInfo: GPUAdapterInfo,
    private readonly own: boolean,
  ) {
    this.faults = new Faults(gpuDevice)
    this.backend = DeviceBackend.on(gpu, gpuDevice, adapterInfo)
    this.name = `dual-encoder-webgpu-${++opened}`
    tf.copyRegisteredKernels('webgpu', this.name)
    registerKernels(this.name, this.backend)
    tf.registerBackend(this.name, () => this.backend, 0)
  }

  /** A new device of the best adapter, with all that the adapter allows; or the one given. */
  static async open(external?: GPUDevice): Promise<Device> {
    const gpu = await platform.gpu()
    if (external) return new Device(gpu, external, infoOf(external), false)
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (!adapter) throw new BackendError('no-adapter', platform.noAdapter)
    try {
      const device = await adapter.requestDevice({
        requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name] as number])),
        requiredFeatures: FEATURES.filter((name) => adapter.features.has(name)) as GPUFeatureName[],
      })
      return new Device(gpu, device, infoOf(adapter), true)
    } catch (cause) {
      throw new BackendError('no-device', `The GPU adapter gave no device: ${(cause as Error).message}`, { cause })
    }
  }

  /** The largest tensor, in bytes, that a kernel can read. */
  get largestBinding(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.gpuDevice.limits
    return Math.min(maxBufferSize, maxStorageBufferBindingSize)
  }

  has(kernel: string): boolean {
    return !this.refused.has(kernel)
  }

  /** Takes kernels again that were set aside for what was not their fault. @param before those set aside until then */
  forgive(before: ReadonlySet<string>): void {
    for (const kernel of this.refused) if (!before.has(kernel)) this.refused.delete(kernel)
  }

  /** Frees all that was made on it; a device that was given stays. */
  close(): void {
    if (tf.engine().registryFactory[this.name]) tf.removeBackend(this.name)
    for (const { kernelName } of tf.getKernelsForBackend(this.name)) tf.unregisterKernel(kernelName, this.name)
    if (this.own) this.gpuDevice.destroy()
    if (!tf.getBackend() && tf.engine().registry[this.#before]) void tf.setBackend(this.#before)
  }
}

/** An adapter's description, or a device's adapter's. */
function infoOf(of: GPUAdapter | GPUDevice): GPUAdapterInfo {
  const { info, adapterInfo } = of as { info?: GPUAdapterInfo; adapterInfo?: GPUAdapterInfo }
  return info ?? adapterInfo ?? ({ vendor: '', architecture: '', device: '', description: '' } as GPUAdapterInfo)
}
