import { giveEngineScript } from './engine-script'

/**
 * Lets the engine start `count` threads until the function returned is called. What it changes of the page is as
 * before afterwards.
 */
export function allowThreads(count: number): () => void {
  const takeBack = giveEngineScript()
  // It takes no more threads than half the processors.
  Object.defineProperty(navigator, 'hardwareConcurrency', { configurable: true, value: 2 * count })
  return () => {
    takeBack()
    delete (navigator as { hardwareConcurrency?: number }).hardwareConcurrency
  }
}
