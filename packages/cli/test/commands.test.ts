import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { FakeHub } from '../../../tools/hub/fake-hub'
import { cli, fixture, SAMPLES } from './cli'

const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-cli-'))
afterAll(() => rm(folder, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())

describe('info', () => {
  it('says what the built-in model is', async () => {
    vi.stubEnv('DUAL_ENCODER_MODEL', '')
    const { code, values } = await cli('info', '--json')
    vi.unstubAllEnvs()
    expect(code).toBe(0)
    expect(values).toEqual([
      expect.objectContaining({
        modelType: 'vision-text-dual-encoder',
        towers: [
          expect.objectContaining({ name: 'vision', modelType: 'efficientnet' }),
          expect.objectContaining({ name: 'text', modelType: 'bert' }),
        ],
        weights: expect.objectContaining({
          file: 'model.safetensors',
          framework: 'pytorch',
          // As the file has it, and not as it is computed.
          dtypes: {
            I8: expect.any(Number) as number,
            F16: expect.any(Number) as number,
            F32: expect.any(Number) as number,
            I64: 49,
          },
        }) as object,
        processor: expect.objectContaining({ imageProcessor: 'CLIPImageProcessor' }) as object,
      }),
    ])
  })

  it('reads a whole SigLIP, and says it in lines', async () => {
    const { out } = await cli('info', fixture('fixtures/families/siglip'))
    expect(out).toMatch(/model +siglip/)
    expect(out).toMatch(/vision +siglip_vision_model: .*patchSize/)
  })
})

describe('classify', () => {
  it('labels pictures, names a damaged one and ends with 3', async () => {
    const damaged = join(folder, 'damaged.png')
    await writeFile(damaged, 'no picture')
    const pictures = [join(SAMPLES, 'airplane.png'), damaged, join(SAMPLES, 'pizza.png')]
    const { code, values } = await cli('classify', ...pictures, '--labels', 'pizza, airplane', 'dog', '--json')
    expect(code).toBe(3)
    expect(values.map(({ picture, labels, error }) => [picture, labels ?? error])).toEqual([
      [pictures[0], [expect.objectContaining({ label: 'airplane' })]],
      [damaged, expect.objectContaining({ code: expect.stringMatching(/^image-/) as string })],
      [pictures[2], [expect.objectContaining({ label: 'pizza' })]],
    ])
  })

  it('takes a folder, and names what it skips', async () => {
    await writeFile(join(folder, 'drawing.svg'), '<svg/>')
    const { out, err } = await cli('classify', folder, SAMPLES, '--labels', 'a dog,a cat', '--top', '2')
    expect(err).toContain('1 file is no picture and was skipped: 1 .svg')
    expect(out).toMatch(/airplane\.png: a (dog|cat) \d+\.\d%, a (dog|cat) \d+\.\d%/)
  })
})

describe('checkpoints', () => {
  it('converts what Flax wrote', async () => {
    const target = join(folder, 'converted')
    const { code, out } = await cli('convert', fixture('fixtures/originals/flax-clip-roberta'), target)
    expect(code).toBe(0)
    expect(out).toMatch(/flax_model\.msgpack \(flax\) -> .*weights as float32/)
    expect(await readdir(target)).toContain('model.safetensors')
  })

  it('makes int8 of a checkpoint, and says what it loses', async () => {
    const [target, texts] = [join(folder, 'small'), join(folder, 'texts.txt')]
    await writeFile(texts, 'a pizza\n\nan airplane\na dog\n')
    const source = fixture('models/emoji-vit-bert')
    const { values } = await cli('quantize', source, target, '--pictures', SAMPLES, '--texts', texts, '--json')
    const whole = (await stat(join(source, 'model.safetensors'))).size
    expect((values[0]!.size as number) / whole).toBeLessThan(0.3)
    for (const side of ['vision', 'text'] as const) {
      const { lowest, top1 } = values[0]![side] as { lowest: number; top1: number }
      expect(lowest).toBeGreaterThan(0.99)
      expect(lowest).toBeLessThan(1 - 1e-6)
      expect(top1).toBeGreaterThan(0.8)
    }
    const again = await cli('quantize', target, join(folder, 'smaller'))
    expect(again.out).toMatch(/int8, .*B of weights\n$/)
    expect(await cli('quantize', source, target, '--texts', texts)).toMatchObject({ code: 1 })
  })

  it('exports ONNX files', async () => {
    const target = join(folder, 'exported')
    expect(await cli('export', fixture('models/emoji-vit-bert'), target)).toMatchObject({ code: 0 })
    expect(await readdir(target)).toEqual(expect.arrayContaining(['text.onnx', 'tokenizer.json', 'vision.onnx']))
  })
})

describe('download and cache', () => {
  let hub: FakeHub
  beforeAll(async () => {
    hub = await FakeHub.start()
    await hub.publish('org/emoji', fixture('models/emoji-vit-bert'))
  })
  afterAll(() => hub.close())

  it('fetches a model, works offline with it, and throws it away', async () => {
    vi.stubEnv('HF_ENDPOINT', hub.url)
    vi.stubEnv('HF_HUB_CACHE', join(folder, 'hub'))
    expect(await cli('download', 'org/emoji')).toMatchObject({ code: 0 })
    expect((await cli('cache', 'list', '--json')).values).toEqual([expect.objectContaining({ name: 'org/emoji' })])
    const labels = ['--model', 'org/emoji', '--offline', '--labels', 'airplane,dog']
    expect(await cli('classify', join(SAMPLES, 'airplane.png'), ...labels)).toMatchObject({ code: 0 })
    expect(await cli('cache', 'remove', 'org/emoji')).toMatchObject({ code: 0 })
    expect(await cli('cache', 'remove', 'org/emoji')).toMatchObject({ code: 1 })
    expect(await cli('cache', 'list')).toMatchObject({ out: '', err: 'No models are in the cache.\n' })
  })
})

describe('the command line', () => {
  it.each([
    [['classify'], /missing required argument[^]*\(dual-encoder classify --help says more\)/],
    [['cache', 'remove'], /\(dual-encoder cache remove --help says more\)/],
    [['clasify', 'a.png'], /Did you mean classify/],
    [['classify', 'a.png', '--lables', 'x'], /Did you mean --labels/],
    [['classify', 'a.png', '--top', '0'], /whole number above 0/],
    [['convert', 'a', 'b', '--dtype', 'int3'], /Allowed choices/],
  ])('%j is misuse: 2', async (args, message) => {
    const { code, err, out } = await cli(...args)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(message)
  })

  it('fails with an error that has a code: 1', async () => {
    expect(await cli('classify', '/nowhere.png', '--labels', 'a')).toMatchObject({ code: 1, out: '' })
    const { err } = await cli('classify', '/nowhere.png', '--labels', 'a', '--json')
    expect(JSON.parse(err)).toEqual({
      error: {
        code: 'source-not-found',
        message: expect.any(String) as string,
        docs: expect.stringMatching(/^https:.*errors\.html#source-not-found$/) as string,
      },
    })
  })

  it('shows examples in the help of each command', async () => {
    const { code, out } = await cli('help', 'classify')
    expect(code).toBe(0)
    expect(out).toContain('Examples:\n  dual-encoder classify cat.jpg')
  })

  it.each(['bash', 'zsh', 'fish'])('completes in %s', async (shell) => {
    const { out } = await cli('completion', shell)
    expect(out).toContain('classify')
    expect(out).toMatch(shell === 'fish' ? /-l labels-file/ : /--labels-file/)
  })
})
