import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from './bundle'

// In `node_modules`, where the engines are found.
const HERE = fileURLToPath(new URL('..', import.meta.url))
const CHECKPOINT = join(HERE, 'models/emoji-vit-bert')

/** Trains on the samples with everything that a resumed run has to find again; a line a step. */
const PROGRAM = `
import { readdirSync } from 'node:fs'
import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { horizontalFlip, sometimes, topLayers, Trainer } from '@dual-encoder/train'
const [, , checkpoint, output, cache, steps] = process.argv as string[]
const model = await VisionTextDualEncoderModel.fromPretrained(checkpoint!, { threads: 2 })
const processor = await VisionTextDualEncoderProcessor.fromPretrained(checkpoint!)
const data = readdirSync(checkpoint + '/samples').map((name) => ({
  image: checkpoint + '/samples/' + name,
  text: [name.replace('.png', ''), 'a drawing of ' + name],
  key: name,
}))
const trainer = new Trainer({
  model,
  processor,
  data,
  batchSize: 4,
  steps: Number(steps),
  rules: [topLayers({ vision: 2, text: 2 }), ['.*', 1]],
  optimizer: { name: 'adamw', lr: 1e-3 },
  schedule: { warmup: 2 },
  augment: [sometimes(0.5, horizontalFlip)],
  patchDropout: 0.3,
  average: 0.9,
  cache: { folder: cache!, views: 2 },
  evaluate: { every: 3, data, keep: 'last' },
  output: output!,
  saveEvery: 2,
  resume: true,
  seed: 5,
})
console.log('ready')
await trainer.run({ onStep: ({ step, loss, gradNorm }) => console.log('step ' + step + ' ' + loss + ' ' + gradNorm) })
console.log('done')
`

/** A program that trains, to be killed. */
export class TrainingProgram {
  private constructor(
    readonly folder: string,
    private readonly program: string,
    private readonly steps: number,
  ) {}

  static async build(steps: number): Promise<TrainingProgram> {
    const folder = await mkdtemp(join(HERE, '../node_modules/.kill-'))
    const program = join(folder, 'train.mjs')
    await bundle(PROGRAM, program)
    return new TrainingProgram(folder, program, steps)
  }

  /** Runs it on an output; kills it so many milliseconds after a line. @returns its lines */
  run(name: string, kill?: { readonly line: string; readonly after: number }): Promise<string[]> {
    const { folder, program, steps } = this
    const args = [program, CHECKPOINT, join(folder, name), join(folder, `${name}-cache`), String(steps)]
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      let text = ''
      let errors = ''
      child.stderr.on('data', (chunk) => (errors += chunk))
      child.stdout.on('data', (chunk) => {
        const before = text
        text += chunk
        if (kill && !before.includes(kill.line) && text.includes(kill.line))
          setTimeout(() => child.kill('SIGKILL'), kill.after)
      })
      child.once('exit', (code) => {
        if (code !== 0 && !kill) reject(new Error(errors))
        else resolve(text.split('\n').filter((line) => line !== ''))
      })
    })
  }

  async dispose(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}
