import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { jsonLines, readMetrics } from './jsonl'
import { progressLine } from './progress'
import { htmlReport, lineChart } from './report'
import { crc32c, tensorBoard } from './tensorboard'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metrics-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('JSON lines', () => {
  it('are written as they come and at the end', async () => {
    const writer = jsonLines(folder, { every: 2 })
    await writer.write({ step: 1, loss: 3 })
    expect(await readdir(folder)).toEqual([])
    await writer.write({ step: 2, loss: 2.5 })
    expect(await readMetrics(folder)).toHaveLength(2)
    await writer.write({ step: 3, loss: 2 })
    await writer.close!()
    expect(await readFile(join(folder, 'metrics.jsonl'), 'utf8')).toBe(
      '{"step":1,"loss":3}\n{"step":2,"loss":2.5}\n{"step":3,"loss":2}\n',
    )
  })

  it('go on after a checkpoint without what came after it', async () => {
    const first = jsonLines(folder)
    for (const step of [1, 2, 3, 4]) await first.write({ step, loss: step })
    await first.close!()
    const second = jsonLines(folder, { before: await readMetrics(folder, 2) })
    await second.write({ step: 3, loss: 30 })
    await second.close!()
    expect((await readMetrics(folder)).map(({ loss }) => loss)).toEqual([1, 2, 30])
  })
})

describe('TensorBoard', () => {
  it('has its checksum', () => {
    // RFC 3720, B.4: the digits, and 32 zeros.
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  })

  it('writes the bytes of its own writer', async () => {
    const writer = tensorBoard(folder, { now: () => 1_700_000_000_500, every: 1 })
    await writer.write({ step: 300, loss: 1.5, recall: 0.25 })
    const [name] = await readdir(folder)
    expect(name).toBe('events.out.tfevents.1700000000.dual-encoder')
    // Made by tensorboard's EventFileWriter for Python from the same events.
    expect((await readFile(join(folder, name!))).toString('hex')).toBe(EVENTS)
  })
})
const EVENTS =
  '1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b3531102a00000000000000ae8d91f50900002040fc54d94110ac022a1c0a0b0a046c6f7373150000c03f0a0d0a06726563616c6c150000803e84ad49cc'

describe('progress', () => {
  const run = (overwrite: boolean) => {
    let [text, time] = ['', 0]
    const writer = progressLine({ steps: 100, overwrite, write: (part) => (text += part), now: () => time })
    for (let step = 1; step <= 100; step++) {
      time += 1000
      void writer.write({ step, loss: 5 / step, logitScale: 14.28, examplesPerSecond: 812.3 })
      if (step === 50) void writer.write({ step, 'recall@1': 0.4 })
    }
    return text
  }

  it('says where the run stands and how long it has to go', () => {
    const lines = run(false).trim().split('\n')
    expect(lines[0]).toBe('step 1/100  loss 5.000  scale 14.3  812 examples/s')
    expect(lines[1]).toBe('step 11/100  loss 0.4545  scale 14.3  812 examples/s  1:29 left')
    expect(lines).toContain('step 50/100  recall@1 0.400  0:50 left')
    expect(lines.at(-1)).toBe('step 100/100  loss 0.05000  scale 14.3  812 examples/s')
    expect(lines.length).toBeLessThan(14)
  })

  it('writes over its line in a terminal', () => {
    const text = run(true)
    expect(text.split('\r')).toHaveLength(102)
    expect(text.split('\n')).toHaveLength(3)
  })
})

describe('the report', () => {
  const metrics = Array.from({ length: 2000 }, (_, i) => ({
    step: i + 1,
    loss: 5 / (i + 1),
    ...(i % 100 === 0 && { 'recall@1': i / 2000 }),
  }))

  it('is one page with curves', () => {
    const page = htmlReport(metrics, { title: 'LiT <1>', settings: { lr: 1e-3, rules: ['.*', null] } })
    expect(page).toContain('<h1>LiT &lt;1&gt;</h1><p>2000 steps</p>')
    expect(page.match(/<svg/g)).toHaveLength(2)
    expect(page).toContain('<tr><th>recall@1</th><td>0.95</td></tr>')
    expect(page).toContain('<td>[&quot;.*&quot;,null]</td>')
    expect(page).not.toMatch(/https?:(?!\/\/www\.w3\.org\/2000\/svg)|NaN|Infinity/)
  })

  it('draws points where they belong', () => {
    const svg = lineChart('x', [
      {
        name: 'a',
        points: [
          [0, 0],
          [5, 10],
          [10, NaN],
          [10, 5],
        ],
      },
      { name: 'empty', points: [] },
    ])
    // From 56 to 624 across, from 232 up to 28.
    expect(svg).toContain('d="M56 232L340 28L624 130"')
    expect(svg).not.toContain('empty')
    expect(lineChart('x', [{ name: 'one', points: [[3, 7]] }])).toContain('<circle cx="340" cy="130"')
    expect(lineChart('x', [])).toContain('<svg')
  })

  it('averages long curves', () => {
    const points = metrics.map(({ step, loss }) => [step, loss] as const)
    expect(lineChart('x', [{ name: 'loss', points }]).match(/L\d/g)).toHaveLength(599)
  })
})
