import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { SAMPLES } from './cli'

/** Writes so many pictures: the samples, each time turned by three degrees more. */
export async function writeViews(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true })
  const samples = (await readdir(SAMPLES)).sort()
  for (let i = 0; i < count; i++)
    await sharp(join(SAMPLES, samples[i % samples.length]!))
      .rotate(Math.floor(i / samples.length) * 3, { background: '#fff' })
      .toFile(join(folder, `${String(i).padStart(5, '0')}.png`))
}
