import { ConfigError } from '../base/errors'
import type { Pooling } from './tower'

/**
 * The `pooling` of a vision tower without a class token.
 * @param own whether it has a pooler of its own, which stands where no pooling is given
 * @throws ConfigError where the class token is asked for, or nothing says how to pool
 */
export function poolingOf(
  { modelType, pooling }: { readonly modelType: string; readonly pooling?: Pooling },
  own: boolean,
): Pooling | undefined {
  if (pooling ? pooling !== 'cls' : own) return pooling ?? undefined
  throw new ConfigError(
    'no-pooler',
    pooling
      ? `pooling "${pooling}": ${modelType} has no class token. Allowed: 'mean' or 'max'${own ? ', or none for its own pooler' : ''}.`
      : `This ${modelType} has no pooler. Give vision: { pooling: 'mean' } or 'max' ({ config: { pooling: 'mean' } } where a ` +
          'tower is loaded by itself).',
  )
}
