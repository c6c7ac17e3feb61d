import { nodeFiles } from './node-files'
import { startThread, threads, turn } from './node-threads'
import type { Platform } from './platform'

export const platform: Platform = { name: 'node', ...nodeFiles, turn, threads, startThread }
