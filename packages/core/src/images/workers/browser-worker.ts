import { serve, type Request } from './messages'
import { decodeImage } from '../decode/browser'

const answer = serve(decodeImage, (message, transfer = []) => globalThis.postMessage(message, { transfer }))
globalThis.onmessage = ({ data }: MessageEvent<Request>) => void answer(data)
