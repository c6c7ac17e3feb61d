import { afterAll, beforeAll } from 'vitest'
import { casesIn, type ForwardTensors, inputsOf } from './fixtures'

interface Kept {
  forward(inputs: ForwardTensors): Promise<unknown>
  dispose(): Promise<void>
}

/** An engine, with all that it has compiled, ends with its last model: one more keeps it through a suite. */
export function keepEngine(load: (folder: string) => Promise<Kept>): void {
  let kept: Kept | undefined
  beforeAll(async () => {
    const { folder } = casesIn('towers')[0]!
    kept = await load(folder)
    await kept.forward(await inputsOf(folder))
  })
  afterAll(() => kept?.dispose())
}
