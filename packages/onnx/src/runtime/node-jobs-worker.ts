import { workerData } from 'node:worker_threads'
import { atOnce } from '@dual-encoder/core/backend'
import { making, type Work } from './node-jobs'

atOnce(making(workerData as Work))
