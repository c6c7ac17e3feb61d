import { ConfigError } from '../base/errors'
import { lookup } from '../base/lookup'

/** The activations a backend implements (transformers' `ACT2CLS` without those that learn parameters). */
export type Activation =
  | 'gelu'
  | 'gelu_tanh'
  | 'gelu_10'
  | 'quick_gelu'
  | 'hardswish'
  | 'laplace'
  | 'relu'
  | 'relu2'
  | 'relu6'
  | 'leaky_relu'
  | 'silu'
  | 'mish'
  | 'sigmoid'
  | 'sqrtsoftplus'
  | 'tanh'
  | 'linear'

/** transformers' names (`ACT2FN`) to ours. `gelu` is the erf form. */
const NAMES: Readonly<Record<string, Activation>> = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_10: 'gelu_10',
  gelu_fast: 'gelu_tanh',
  gelu_accurate: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_python_tanh: 'gelu_tanh',
  quick_gelu: 'quick_gelu',
  hardswish: 'hardswish',
  laplace: 'laplace',
  relu: 'relu',
  relu2: 'relu2',
  relu6: 'relu6',
  leaky_relu: 'leaky_relu',
  silu: 'silu',
  swish: 'silu',
  mish: 'mish',
  sigmoid: 'sigmoid',
  sqrtsoftplus: 'sqrtsoftplus',
  tanh: 'tanh',
  linear: 'linear',
}

/** @throws ConfigError for a name that no backend has. */
export function activationOf(name: string): Activation {
  const activation = lookup(NAMES, name)
  if (activation) return activation
  throw new ConfigError(
    'unsupported-activation',
    `Unsupported activation "${name}". Should be one of: ${Object.keys(NAMES).join(', ')}.`,
  )
}
