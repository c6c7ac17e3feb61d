import type { Tensor } from '../../base/tensor'
import type { Batch, EncodeRequest, EncoderOutput, EncoderRunner, RunOptions } from '../encoder'

/** What runners of all backends share: calls may overlap, and `dispose` waits for those that run. */
export abstract class RunnerBase<B = Batch> implements EncoderRunner {
  readonly #running = new Set<Promise<unknown>>()

  async run(
    batch: B | Batch,
    request: EncodeRequest,
    options: RunOptions = {},
  ): Promise<Partial<EncoderOutput<Tensor>>> {
    options.signal?.throwIfAborted()
    const work = this.compute(batch, request, options)
    this.#running.add(work)
    try {
      return await work
    } finally {
      this.#running.delete(work)
    }
  }

  protected abstract compute(
    batch: B | Batch,
    request: EncodeRequest,
    options: RunOptions,
  ): Promise<Partial<EncoderOutput<Tensor>>>

  /** Frees what the engine holds. No call runs. */
  protected abstract release(): Promise<void>

  /** Waits for the calls that run now. */
  protected async idle(): Promise<void> {
    await Promise.allSettled([...this.#running])
  }

  async dispose(): Promise<void> {
    await this.idle()
    await this.release()
  }
}
