import { useSwiftShader } from '../../tools/browser/swiftshader'
import shared from '../../vitest.shared'

// Tests run in processes of their own, which start with this environment.
await useSwiftShader()
export default shared
