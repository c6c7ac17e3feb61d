import { BackendError } from '@dual-encoder/core/backend'

const SCOPES = ['internal', 'out-of-memory', 'validation'] as const

/** What went wrong on a device, which WebGPU itself reports to nobody in particular. */
export class Faults {
  #lost?: GPUDeviceLostInfo
  /** Outside of any call of ours: thrown by the next one. */
  #uncaptured: GPUError[] = []

  constructor(private readonly device: GPUDevice) {
    void device.lost.then((info) => (this.#lost = info))
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault()
      this.#uncaptured.push((event as GPUUncapturedErrorEvent).error)
    })
  }

  /** Starts to gather the errors of what is given to the device in this turn. @returns ends it */
  watch(): () => Promise<GPUError[]> {
    for (const scope of SCOPES) this.device.pushErrorScope(scope)
    return async () => {
      const found = await Promise.all(SCOPES.map(() => this.device.popErrorScope().catch(() => null)))
      return [...found.filter((error) => error !== null), ...this.#uncaptured.splice(0)]
    }
  }

  /** @throws BackendError where the device is lost. */
  async check(): Promise<void> {
    // The loss is told in a task of its own, after what failed because of it.
    for (let turn = 0; turn < 2 && !this.#lost; turn++) await new Promise((resolve) => setTimeout(resolve))
    this.checkLost()
  }

  get lost(): boolean {
    return this.#lost !== undefined
  }

  checkLost(): void {
    if (this.#lost)
      throw new BackendError(
        'device-lost',
        `The GPU device was lost (${this.#lost.reason || 'unknown'}: ${this.#lost.message || 'no message'}). ` +
          'Call `await model.recover()` to open another one and load the weights there.',
      )
  }
}

/** GPU errors, as ours. */
export function gpuError(errors: readonly GPUError[]): BackendError {
  const [first] = errors
  const memory = errors.find((error) => error.constructor.name === 'GPUOutOfMemoryError')
  if (memory)
    return new BackendError(
      'out-of-memory',
      `The GPU has no memory left: ${memory.message} Give smaller batches, or dispose of models.`,
      { cause: memory },
    )
  return new BackendError('gpu-error', `The GPU refused a command: ${first?.message}`, { cause: first })
}
