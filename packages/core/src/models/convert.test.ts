import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { convert } from './convert'
import { tensor } from '../base/tensor'
import { readSafetensors } from '../weights/safetensors/read'
import { writeSafetensors } from '../weights/safetensors/write'

const ORIGINALS = fileURLToPath(new URL('../../../../parity-tests/fixtures/originals', import.meta.url))
const folder = () => mkdtemp(join(tmpdir(), 'dual-encoder-'))

it('turns a Flax hybrid-clip into what Python loads, and reports what it did', async () => {
  const target = await folder()
  const report = await convert(`${ORIGINALS}/hybrid-clip-roberta`, target)
  expect(report).toMatchObject({ file: 'flax_model.msgpack', framework: 'flax', dtype: 'float32', carried: [] })
  expect(report.weights).toHaveLength(81)
  expect(report.weights).toContainEqual({
    from: 'vision_model/vision_model/embeddings/patch_embedding/kernel',
    to: 'vision_model.vision_model.embeddings.patch_embedding.weight',
    shape: [48, 3, 6, 6],
    change: 'transposed',
  })
  expect(report.weights.find(({ to }) => to.endsWith('position_embeddings.weight'))?.change).toContain(
    'rows moved down by 2',
  )
  const text = await readFile(`${target}/config.json`, 'utf8')
  expect(JSON.parse(text)).toMatchObject({
    model_type: 'vision-text-dual-encoder',
    vision_config: { model_type: 'clip_vision_model' },
  })
  // Python refuses a whole number where it wants a float.
  expect(text).toContain('"initializer_factor": 1.0')
  const tensors = await readSafetensors(`${target}/model.safetensors`)
  expect([...tensors.keys()].sort()).toEqual(report.weights.map(({ to }) => to).sort())
})

it('converts its own result to itself', async () => {
  const [once, twice] = [await folder(), await folder()]
  await convert(`${ORIGINALS}/flax-clip-roberta`, once)
  const report = await convert(once, twice)
  expect(report.weights.filter(({ from, to, change }) => from !== to || change)).toEqual([])
  expect(await readFile(`${twice}/model.safetensors`)).toEqual(await readFile(`${once}/model.safetensors`))
})

it('narrows and keeps half precision, splits into shards, and carries the tokenizer along', async () => {
  const [half, kept, source] = [await folder(), await folder(), `${ORIGINALS}/tf-vit-bert`]
  await convert(source, half, { dtype: 'bfloat16', maxShardSize: 100_000 })
  expect((await readdir(half)).filter((name) => /^model-\d+-of-\d+\.safetensors$/.test(name)).length).toBeGreaterThan(1)
  await writeFile(`${half}/tokenizer.json`, '{}')
  const report = await convert(half, kept)
  expect(report).toMatchObject({ file: 'model.safetensors.index.json', dtype: 'bfloat16', carried: ['tokenizer.json'] })
  expect(await readFile(`${kept}/tokenizer.json`, 'utf8')).toBe('{}')
})

it('leaves no part of the processor of an earlier model beside what it carries', async () => {
  const [source, target] = [await folder(), await folder()]
  await convert(`${ORIGINALS}/tf-vit-bert`, source)
  const names = async (at: string) => (await readdir(at)).filter((name) => !/^(config|model)\./.test(name)).sort()
  const put = async (at: string, ...files: string[]) => {
    for (const name of files) await writeFile(join(at, name), '{}')
  }
  await put(target, 'processor_config.json', 'added_tokens.json', 'notes.json')
  await convert(source, target)
  expect(await names(target)).toEqual(['added_tokens.json', 'notes.json', 'processor_config.json'])
  await put(source, 'spm.model', 'preprocessor_config.json')
  await put(target, 'tokenizer.json', 'spiece.model')
  expect(await convert(source, target)).toMatchObject({ carried: ['preprocessor_config.json', 'spm.model'] })
  expect(await names(target)).toEqual(['notes.json', 'preprocessor_config.json', 'spm.model'])
  // Over itself all stays.
  await convert(target, target)
  expect(await names(target)).toEqual(['notes.json', 'preprocessor_config.json', 'spm.model'])
})

it('converts a tower on its own, with its names, its config and what Flax computes otherwise', async () => {
  const [tower, target] = [await folder(), await folder()]
  const config = { model_type: 'dinov2', hidden_size: 2, num_attention_heads: 1, layerscale_value: 0.5 }
  await writeFile(`${tower}/config.json`, JSON.stringify(config))
  const weights = {
    'encoder.layer.0.layer_scale1.lambda1': tensor(new Float32Array([1, 4]), [2]),
    'encoder.layer.0.mlp.fc1.kernel': tensor(new Float32Array([1, 2, 3, 4, 5, 6]), [2, 3]),
  }
  await writeFile(`${tower}/model.safetensors`, writeSafetensors(weights, { format: 'flax' }))
  expect(await convert(tower, target)).toMatchObject({ framework: 'flax', dtype: 'float32' })
  expect(await readSafetensors(`${target}/model.safetensors`)).toEqual(
    new Map([
      ['encoder.layer.0.layer_scale1.lambda1', tensor(new Float32Array([0.25, 1]), [2])],
      ['encoder.layer.0.mlp.fc1.weight', tensor(new Float32Array([1, 4, 2, 5, 3, 6]), [3, 2])],
    ]),
  )
  expect(JSON.parse(await readFile(`${target}/config.json`, 'utf8'))).toEqual(config)
})

it('writes to whatever takes names and bytes', async () => {
  const written = new Map<string, number>()
  await convert(`${ORIGINALS}/pt-bin-vit-bert`, {
    async write(name, chunks) {
      let size = 0
      for await (const chunk of chunks) size += chunk.length
      written.set(name, size)
    },
  })
  expect([...written.keys()].sort()).toEqual(['config.json', 'model.safetensors'])
})

it('refuses a format that is not there, and unknown options', async () => {
  const target = await folder()
  await expect(convert(`${ORIGINALS}/tf-vit-bert`, target, { format: 'flax' })).rejects.toMatchObject({
    code: 'no-weights',
  })
  await expect(convert(`${ORIGINALS}/tf-vit-bert`, target, { format: 'keras' as 'flax' })).rejects.toMatchObject({
    code: 'bad-format',
  })
  await expect(convert(`${ORIGINALS}/tf-vit-bert`, target, { dype: 'float16' } as object)).rejects.toMatchObject({
    code: 'unknown-option',
  })
})
