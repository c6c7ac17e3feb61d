import type { Init, Norm, Param, Projection } from './ops'

/**
 * A place in a checkpoint's tree of names. Towers name their weights through it:
 * `w.at('attention.query').linear(768, 768)`.
 */
export class Scope {
  /** @param std standard deviation with which weights are drawn (`initializer_range`). */
  constructor(
    readonly path: string,
    readonly std: number,
  ) {}

  at(name: string): Scope {
    return new Scope(this.path === '' ? name : `${this.path}.${name}`, this.std)
  }

  param(name: string, shape: readonly number[], init: Init = { kind: 'normal', std: this.std }): Param {
    return { name: this.path === '' ? name : `${this.path}.${name}`, shape, init }
  }

  /** `weight [out, in]`, `bias [out]`. */
  linear(
    inSize: number,
    outSize: number,
    options: { bias?: boolean; std?: number; biasStd?: number; kind?: 'normal' | 'uniform' } = {},
  ): Projection {
    const weight = this.param('weight', [outSize, inSize], {
      kind: options.kind ?? 'normal',
      std: options.std ?? this.std,
    })
    if (options.bias === false) return { weight }
    const { biasStd } = options
    const init: Init = biasStd === undefined ? { kind: 'zeros' } : { kind: 'normal', std: biasStd }
    return { weight, bias: this.param('bias', [outSize], init) }
  }

  norm(size: number, eps: number, { bias = true }: { bias?: boolean } = {}): Norm {
    const weight = this.param('weight', [size], { kind: 'ones' })
    return bias ? { weight, bias: this.param('bias', [size], { kind: 'zeros' }), eps } : { weight, eps }
  }

  /** `weight [out, in / groups, height, width]`, `bias [out]`. */
  convolution(
    inSize: number,
    outSize: number,
    size: readonly [number, number],
    { groups = 1, ...drawn }: { groups?: number; bias?: boolean; std?: number } = {},
  ): Projection {
    return this.patches(inSize / groups, outSize, size, drawn)
  }

  /** A patch embedding: `weight [out, channels, height, width]`. */
  patches(
    channels: number,
    outSize: number,
    patch: readonly [number, number],
    { bias = true, std = this.std }: { bias?: boolean; std?: number } = {},
  ): Projection {
    const weight = this.param('weight', [outSize, channels, ...patch], { kind: 'normal', std })
    return bias ? { weight, bias: this.param('bias', [outSize], { kind: 'zeros' }) } : { weight }
  }
}
