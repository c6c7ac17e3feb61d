import { createRequire } from 'node:module'

/** The `sharp` of core, which depends on it; the tools do not. @type {typeof import('sharp').default} */
export const sharp = createRequire(new URL('../packages/core/package.json', import.meta.url))('sharp')
