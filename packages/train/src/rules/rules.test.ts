import { describe, expect, it } from 'vitest'
import { depthsOf } from './layers'
import { layerDecay, lit, topLayers } from './presets'
import { factorsOf, planOf } from './rules'

const layer = (i: number) => `vision_model.encoder.layer.${i}.attention.attention.query.weight`
const NAMES = [
  'vision_model.embeddings.cls_token',
  layer(0),
  layer(1),
  layer(2),
  'vision_model.layernorm.weight',
  'vision_model.pooler.dense.weight',
  'text_model.embeddings.word_embeddings.weight',
  'text_model.encoder.layer.0.output.dense.bias',
  'visual_projection.weight',
  'text_projection.weight',
  'logit_scale',
]

describe('rules', () => {
  it('takes the first that matches the whole name', () => {
    const factors = factorsOf(NAMES, [
      ['vision_model\\..*', null],
      [/^text_model/, 0.1],
      ['.*', 1],
    ])
    expect(factors.get(layer(1))).toBeNull()
    expect(factors.get('text_model.encoder.layer.0.output.dense.bias')).toBe(0.1)
    expect(factors.get('logit_scale')).toBe(1)
    // Not the whole of any name.
    expect(() =>
      factorsOf(NAMES, [
        ['vision_model', null],
        ['.*', 1],
      ]),
    ).toThrow(/"vision_model" matches no parameter/)
  })

  it('names what no rule covers', () => {
    expect(() => factorsOf(NAMES, [['(vision|text)_model\\..*', 1]])).toThrow(
      /no rule covers 3 of 11 parameters[^]*- visual_projection\.weight[^]*- logit_scale/,
    )
  })

  it('refuses a factor that is none, a pattern that is none, and a model all of which is locked', () => {
    expect(() => factorsOf(NAMES, [['.*', -1]])).toThrow(/factor of "\.\*" is -1/)
    expect(() => factorsOf(NAMES, [['(', 1]])).toThrow(/"\(" is no regular expression/)
    expect(() => planOf(new Map([['a', [2]]]), [['.*', null]])).toThrow(/every parameter is locked/)
  })

  it('is not led astray by a global RegExp', () => {
    expect([...factorsOf(['ab', 'ac', 'ad'], [[/a/g, 2]]).values()]).toEqual([2, 2, 2])
  })

  it('gives decay to matrices alone', () => {
    const params = new Map([
      ['a.weight', [3, 2]],
      ['a.bias', [3]],
      ['b', [2, 2]],
    ])
    const plan = planOf(params, [
      ['b', null],
      ['.*', 0.5],
    ])
    expect(plan.locked).toEqual(['b'])
    expect(plan.trained).toEqual([
      { name: 'a.weight', factor: 0.5, decay: true },
      { name: 'a.bias', factor: 0.5, decay: false },
    ])
  })
})

it('leaves what batch norms saw as it is, whatever covers it', () => {
  const names = ['bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var', 'bn.num_batches_tracked']
  const plan = planOf(new Map(names.map((name) => [name, [3]])), [['.*', 1]])
  expect(plan.trained.map(({ name }) => name)).toEqual(names.slice(0, 2))
  expect(plan.locked).toEqual(names.slice(2))
})

it('leaves what has no values as it is: a table of no register tokens', () => {
  const shapes = new Map([['tokens', [1, 0, 4]]]).set('weight', [4, 4])
  expect(planOf(shapes, [['.*', 1]])).toMatchObject({ trained: [{ name: 'weight' }], locked: ['tokens'] })
})

describe('depths of layers', () => {
  it.each([
    ['bert', ['text_model.encoder.layer.11.output.dense.weight', 'text_model.encoder.layer.2.output.dense.weight'], 2],
    ['modernbert', ['text_model.layers.0.attn.Wqkv.weight', 'text_model.layers.1.attn.Wqkv.weight'], 2],
    ['distilbert', ['text_model.transformer.layer.0.ffn.lin1.weight'], 1],
    [
      'albert',
      [
        'text_model.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight',
        'text_model.encoder.albert_layer_groups.0.albert_layers.1.ffn.weight',
      ],
      2,
    ],
  ])('%s', (_, names, layers) => {
    const found = depthsOf(names, 'text')
    expect(found.layers).toBe(layers)
    expect([...found.depths.values()].sort()).toEqual(Array.from({ length: layers }, (_, i) => i + 1))
  })

  it('counts the blocks of all stages through, and sorts what joins them', () => {
    const { layers, depths } = depthsOf(
      [
        'vision_model.embeddings.patch_embeddings.projection.weight',
        'vision_model.encoder.layers.0.blocks.0.layernorm_before.weight',
        'vision_model.encoder.layers.0.blocks.1.layernorm_before.weight',
        'vision_model.encoder.layers.0.downsample.norm.weight',
        'vision_model.encoder.layers.1.blocks.0.layernorm_before.weight',
        'vision_model.layernorm.weight',
      ],
      'vision',
    )
    expect(layers).toBe(3)
    expect([...depths.values()]).toEqual([0, 1, 2, 2, 3, 4])
    const convnext = depthsOf(
      [
        'vision_model.embeddings.patch_embeddings.weight',
        'vision_model.encoder.stages.0.layers.0.dwconv.weight',
        'vision_model.encoder.stages.1.downsampling_layer.0.weight',
        'vision_model.encoder.stages.1.layers.0.dwconv.weight',
        'vision_model.encoder.stages.1.layers.1.dwconv.weight',
      ],
      'vision',
    )
    expect([...convnext.depths.values()]).toEqual([0, 1, 2, 2, 3])
  })
})

describe('presets', () => {
  it('Lu locks the image tower but not its projection, and draws the text tower anew', () => {
    const { rules, redraw } = lit('Lu')
    const factors = factorsOf(NAMES, rules)
    expect(redraw).toEqual(['text'])
    expect(NAMES.filter((name) => factors.get(name) === null)).toEqual(NAMES.slice(0, 6))
    expect(factors.get('visual_projection.weight')).toBe(1)
  })

  it.each([
    ['LU', [], 6],
    ['UU', [], 0],
    ['uu', ['vision', 'text'], 0],
    ['UL', [], 2],
  ] as const)('%s', (pair, redraw, locked) => {
    const preset = lit(pair)
    expect(preset.redraw).toEqual(redraw)
    expect([...factorsOf(NAMES, preset.rules).values()].filter((factor) => factor === null)).toHaveLength(locked)
  })

  it('refuses other letters', () => {
    expect(() => lit('lu' as 'Lu')).toThrow(/lit: "lu" given/)
  })

  it('tunes the upper layers', () => {
    const factors = factorsOf(NAMES, [topLayers({ vision: 1, text: 0 }), ['.*', 1]])
    const tuned = NAMES.filter((name) => factors.get(name) === 1)
    expect(tuned).toEqual([layer(2), ...NAMES.slice(4, 6), ...NAMES.slice(8)])
    expect(() => factorsOf(NAMES, [topLayers({ vision: 4 }), ['.*', 1]])).toThrow(/it has 3/)
  })

  it('decays by layer', () => {
    const factors = factorsOf(NAMES, [layerDecay({ vision: 0.5 }), ['.*', 1]])
    expect(NAMES.slice(0, 6).map((name) => factors.get(name))).toEqual([0.0625, 0.125, 0.25, 0.5, 1, 1])
    expect(factors.get('text_projection.weight')).toBe(1)
  })
})
