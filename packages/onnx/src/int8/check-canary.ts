import type { Canary, WarningListener } from '@dual-encoder/core'
import { printWarning } from '@dual-encoder/core/backend'

/**
 * Warns where int8 is further from float32 than the checkpoint says that it may be.
 * @param embeds those of its own sample
 */
export function checkCanary(
  embeds: Pick<Canary, 'vision' | 'text'>,
  canary: Canary,
  onWarning: WarningListener = printWarning,
): void {
  for (const side of ['vision', 'text'] as const) {
    const cosine = embeds[side].reduce((sum, value, i) => sum + value * (canary[side][i] ?? 0), 0)
    if (cosine >= canary.floor) continue
    onWarning({
      code: 'int8-canary',
      message:
        `In int8 this model's ${side} embedding of a sample has the cosine ${cosine.toFixed(5)} to float32; its checkpoint ` +
        `promises ${canary.floor}. Load it with dtype 'int8' where it was 'int8-fast', or without; quantizationReport says more.`,
    })
  }
}
