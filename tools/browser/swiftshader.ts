import { dirname, join, resolve } from 'node:path'
import { unpack } from './chromium.ts'

/**
 * Lets Dawn in Node run on SwiftShader, the software GPU inside the npm package's Chromium. The environment is read
 * when a process starts: call it before the one that needs it.
 */
export async function useSwiftShader(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const folder = dirname(await unpack())
  env['VK_ICD_FILENAMES'] = join(folder, 'vk_swiftshader_icd.json')
  env['LD_LIBRARY_PATH'] = [folder, env['LD_LIBRARY_PATH']].filter(Boolean).join(':')
  env['XDG_RUNTIME_DIR'] ??= '/tmp'
}

/** A setup file of tests: Dawn in Node leaves the processor to SwiftShader. */
export const dawnWaits = resolve(import.meta.dirname, 'dawn-waits.ts')
