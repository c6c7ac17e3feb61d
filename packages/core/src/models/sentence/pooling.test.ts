import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { DistilBertConfig } from '../../towers/text/distilbert.config'
import { ViTConfig } from '../../towers/vision/vit.config'
import { VisionTextDualEncoderConfig } from '../dual-encoder-config'
import { initializeModel, loadTower } from '../load'
import { saveModel } from '../save'

const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(
  new ViTConfig({
    hiddenSize: 8,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 16,
    imageSize: 8,
    patchSize: 4,
  }),
  new DistilBertConfig({
    hiddenSize: 8,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    hiddenDim: 16,
    vocabSize: 20,
    pooling: 'mean',
  }),
)

const quiet = { onWarning: () => {} }

it('asks how to pool where a tower has no pooler, and says what suits it', async () => {
  const unsaid = config.with({ text: { pooling: undefined } })
  await expect(initializeModel(unsaid, 0)).rejects.toMatchObject({
    code: 'missing-pooler',
    message: expect.stringContaining("'cls': its own classifier takes the first token") as string,
  })
})

it.each([
  [{ pooling_mode_cls_token: false, pooling_mode_mean_tokens: true }, 'says "mean"', "{ text: { pooling: 'mean' } }"],
  [{ pooling_mode: 'max' }, 'says "max"', "{ text: { pooling: 'max' } }"],
  [{ pooling_mode: 'constructor' }, 'names a mode that is not supported', "{ text: { pooling: 'cls' } }"],
  [{ pooling_mode: 'lasttoken' }, 'names a mode that is not supported', "{ text: { pooling: 'cls' } }"],
])('reads %o of sentence-transformers', async (json, said, offered) => {
  const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
  await saveModel(folder, await initializeModel(config, 0), {})
  const { pooling: _, ...text } = config.textConfig.toJSON()
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config.toJSON(), text_config: text }))
  await mkdir(join(folder, '1_Pooling'))
  await writeFile(join(folder, '1_Pooling/config.json'), JSON.stringify(json))
  const failed = loadTower('text', folder, quiet)
  await expect(failed).rejects.toThrow(`1_Pooling ${said}.`)
  await expect(failed).rejects.toThrow(offered)
  await mkdir(join(folder, '2_Dense'))
  await writeFile(join(folder, '2_Dense/config.json'), '{}')
  await expect(loadTower('text', folder, quiet)).rejects.toThrow('projections: "keep"')
  const { encoder } = await loadTower('text', folder, { ...quiet, config: { pooling: 'mean' } })
  expect(encoder.config.pooling).toBe('mean')
})
