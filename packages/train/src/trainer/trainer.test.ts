import { tensor } from '@dual-encoder/core'
import type { TrainingPlan } from '@dual-encoder/core/training'
import { expect, it } from 'vitest'
import { lit } from '../rules/presets'
import type { TrainableModel, TrainerOptions } from './options'
import { Trainer } from './trainer'

/** A model of one weight a tower, which notes what it is told to train and ends there. */
function setUp() {
  const plans: TrainingPlan[] = []
  const names = ['vision_model.w', 'text_model.w', 'visual_projection.weight', 'text_projection.weight', 'logit_scale']
  const model = {
    parameterShapes: new Map(names.map((name) => [name, [2]])),
    config: { loss: 'clip', logitBias: false, visionConfig: { modelType: 'vit', patchSize: 1 }, textConfig: {} },
    layersOf: () => ({ count: 0, layerOf: new Map() }),
    redrawn: (kind: string, seed: number) => new Map([[`${kind}_model.w`, tensor(Float32Array.of(seed, seed), [2])]]),
    train(plan: TrainingPlan) {
      plans.push(plan)
      throw new Error('enough')
    },
  } as unknown as TrainableModel
  const trainerOf = (options: Partial<TrainerOptions>) =>
    new Trainer({
      model,
      processor: () => Promise.reject(new Error('asked')),
      data: [{ text: 'a', image: 'a.png' }],
      batchSize: 1,
      steps: 1,
      seed: 7,
      ...options,
    })
  const initialOf = async (options: Partial<TrainerOptions>) => {
    await expect(trainerOf(options).run()).rejects.toThrow('enough')
    return new Map([...(plans.at(-1)!.initial ?? [])].map(([name, { data }]) => [name, [...data]]))
  }
  return { trainerOf, initialOf }
}

it("draws anew the towers of LiT's u, from the seed", async () => {
  const { trainerOf, initialOf } = setUp()
  expect(await initialOf({ rules: lit('LU').rules })).toEqual(new Map())
  expect(await initialOf(lit('Lu'))).toEqual(new Map([['text_model.w', [7, 7]]]))
  expect([...(await initialOf({ ...lit('uu'), seed: 8 })).values()]).toEqual([
    [8, 8],
    [8, 8],
  ])
  expect(() => trainerOf({ rules: lit('UL').rules, redraw: ['text'] })).toThrow(/rules lock text_model\.w/)
})
