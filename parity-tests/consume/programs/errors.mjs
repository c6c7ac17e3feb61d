import { createRequire } from 'node:module'
import * as esm from '@dual-encoder/core'

const cjs = createRequire(import.meta.url)('@dual-encoder/core')
const ofEsm = new esm.InputError('some-code', 'made by the ESM copy')
const ofCjs = new cjs.InputError('some-code', 'made by the CJS copy')
console.log(
  JSON.stringify({
    sameClass: esm.InputError === cjs.InputError,
    esmIsCjs: ofEsm instanceof cjs.DualEncoderError && ofEsm instanceof cjs.InputError,
    cjsIsEsm: ofCjs instanceof esm.DualEncoderError && ofCjs instanceof esm.InputError,
    kind: ofCjs.name === 'InputError',
    otherKind: ofCjs instanceof esm.ImageError,
    plain: new Error('none of ours') instanceof esm.DualEncoderError,
  }),
)
