import type { Tensor } from '../../base/tensor'
import type { EncoderRunner, EncoderSpec } from '../encoder'
import { DualEncoderModel } from '../model'
import { drawnTower, type EncoderLayers, encoderLayers } from '../parameters'
import type { BelowCuts, CutAt } from './below'
import type { TrainingInputs, TrainingPlan, TrainingRun } from './run'

/** A model that can be trained: what a `Trainer` asks of it, whatever the engine. */
export abstract class TrainableDualEncoder extends DualEncoderModel {
  #below?: BelowCuts

  /** Begins a training run from the model's weights, which stay as they are. */
  abstract train(plan: TrainingPlan): Promise<TrainingRun>

  /** Prepares an encoder to be run below a cut, in float32 where the engine can. */
  protected abstract createBelow(encoder: EncoderSpec): EncoderRunner

  /** Sizes of the parameters by name. */
  get parameterShapes(): ReadonlyMap<string, readonly number[]> {
    return new Map([...this.loaded.weights].map(([name, { shape }]) => [name, shape]))
  }

  /** A tower's layers, and by weight the first that reads it. */
  layersOf(kind: 'vision' | 'text'): EncoderLayers {
    return encoderLayers(this.loaded[kind])
  }

  /** A tower's weights drawn anew. The model's own stay as they are. */
  redrawn(kind: 'vision' | 'text', seed: number): ReadonlyMap<string, Tensor<'float32'>> {
    return drawnTower(this.loaded[kind], seed)
  }

  /** What enters layer `at` of a tower (counted from 0; behind the last: what leaves it), or its pooled output. */
  async outputBelow(
    kind: 'vision' | 'text',
    inputs: TrainingInputs,
    at: CutAt,
    signal?: AbortSignal,
  ): Promise<Tensor<'float32'>> {
    const below = await this.#cuts()
    return below.output(this.loaded[kind], inputs, at, signal)
  }

  /** Of that part: its config and weights in short, by which a cache of its outputs is known. */
  async fingerprint(kind: 'vision' | 'text', at: CutAt): Promise<string> {
    const below = await this.#cuts()
    return below.fingerprint(this.loaded[kind], this.loaded.weights, at)
  }

  async #cuts(): Promise<BelowCuts> {
    const { BelowCuts } = await import('./below')
    return (this.#below ??= new BelowCuts((encoder) => this.createBelow(encoder)))
  }

  override async dispose(): Promise<void> {
    await super.dispose()
    await this.#below?.dispose()
  }
}
