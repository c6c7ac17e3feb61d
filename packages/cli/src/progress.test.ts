import { expect, it } from 'vitest'
import { amount, clock, Progress } from './progress'

function shown(interactive: boolean): { lines: string[]; at: (seconds: number) => void; progress: Progress } {
  const lines: string[] = []
  let now = 0
  const progress = new Progress({ interactive, err: (text) => lines.push(text) }, 'embed', () => now)
  return { lines, at: (seconds) => (now = 1000 * seconds), progress }
}

it('writes over one line of a terminal: bar, rate, time left', () => {
  const { lines, at, progress } = shown(true)
  at(2)
  progress.update(100, 400)
  at(2.05)
  progress.update(101, 400)
  at(4)
  progress.update(200, 400)
  progress.end()
  expect(lines).toEqual([
    '\r\u001B[2Kembed  [######------------------]  100/400  50/s  0:06 left',
    '\r\u001B[2Kembed  [############------------]  200/400  50/s  0:04 left',
    '\r\u001B[2K',
  ])
})

it('writes plain lines into a pipe, seldom, and counts no time for what was done before', () => {
  const { lines, at, progress } = shown(false)
  progress.update(300, 400, 300)
  at(10)
  progress.update(350, 400, 300)
  at(11)
  progress.update(360, 400, 300)
  progress.end()
  expect(lines).toEqual(['embed  350/400  5/s  0:10 left\n'])
})

it('writes numbers short', () => {
  expect([702, 12.34, 12_345, 4_500_000, 2e9].map(amount)).toEqual(['702', '12.3', '12.3k', '4.5M', '2G'])
  expect([5, 200, 3800].map(clock)).toEqual(['0:05', '3:20', '1:03:20'])
})
