import type { Tolerances } from './backends'
import type { Difference } from './compare'

/** Which tolerance holds for an output, and how it is measured. */
export function limitOf(name: string, tolerances: Tolerances): { limit: number; measure: 'absolute' | 'relative' } {
  if (name.includes('logits')) return { limit: tolerances.logits, measure: 'absolute' }
  if (name === 'loss') return { limit: tolerances.loss, measure: 'absolute' }
  if (/embeds$/.test(name)) return { limit: tolerances.embeds, measure: 'absolute' }
  return { limit: tolerances.hidden, measure: 'relative' }
}

/** Undefined where the difference is allowed, else a sentence that says where it is worst. */
export function violation(name: string, worst: Difference, tolerances: Tolerances): string | undefined {
  const { limit, measure } = limitOf(name, tolerances)
  if (worst[measure] <= limit) return undefined
  return `${name}[${worst.index}] is ${worst.given}, PyTorch has ${worst.wanted}: ${measure} difference ${worst[measure].toExponential(2)} > ${limit}`
}
