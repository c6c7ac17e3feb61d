import { parentPort, workerData } from 'node:worker_threads'

import { serve, type Request } from './messages'
import { heifFrom } from '../decode/heic'
import { decodeImage, loadSharp } from '../decode/node'

/** A script that is no file finds no packages by their names. */
export interface DecoderUrls {
  readonly sharp: string
  readonly heif: string | undefined
}

const { sharp, heif } = workerData as DecoderUrls
if (heif !== undefined) heifFrom(() => import(/* @vite-ignore */ heif) as Promise<{ default: unknown }>)
void loadSharp(sharp).then(() => {
  const answer = serve(decodeImage, (message, transfer) => parentPort!.postMessage(message, transfer))
  parentPort!.on('message', (request: Request) => void answer(request))
})
