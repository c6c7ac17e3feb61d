import { InputError } from '../../base/errors'

/** Which parameters are meant: true or false by name (false where a name is absent), or a function of the name. */
export type ParamMask = Readonly<Record<string, boolean>> | ((name: string) => boolean)

export const inMask = (mask: ParamMask | undefined, name: string): boolean =>
  mask === undefined || (typeof mask === 'function' ? mask(name) : mask[name] === true)

/** @throws InputError where a mask names no parameter. */
export function namesInMask(names: Iterable<string>, mask: ParamMask | undefined, option: string): string[] {
  const found = [...names].filter((name) => inMask(mask, name))
  if (found.length === 0) throw new InputError('empty-mask', `${option} names no parameter of this model.`)
  return found
}

export interface GradientOptions {
  /** Default: the family's. */
  loss?: 'clip' | 'siglip'
  /** The parameters whose gradients are wanted; all by default. */
  names?: ParamMask
  /** Accept images of another size than the tower was trained on. */
  interpolatePosEncoding?: boolean
  signal?: AbortSignal
}

export const GRADIENT_OPTIONS = [
  'loss',
  'names',
  'interpolatePosEncoding',
  'signal',
] as const satisfies readonly (keyof GradientOptions)[]
