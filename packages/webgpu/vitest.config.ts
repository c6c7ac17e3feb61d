import { dawnWaits, useSwiftShader } from '../../tools/browser/swiftshader.ts'
import shared from '../../vitest.shared.ts'

// Tests run in processes of their own, which start with this environment.
await useSwiftShader()
export default { ...shared, test: { ...shared.test, setupFiles: [dawnWaits] } }
