import { nodeFiles } from './node-files'
import { startThread, threads } from './node-threads'
import type { Platform } from './platform'

export const platform: Platform = { name: 'node', ...nodeFiles, threads, startThread }
