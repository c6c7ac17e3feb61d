import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { errorCodes } from '../../docs/.vitepress/errors.data'

const PACKAGES = resolve(import.meta.dirname, '../../packages')
/** As `code` of an error is, and not one of a fax's, a shader's or the file system's. */
const CODE = /^[a-z]+(-[a-z0-9]+)+$/

/** Every text that the compiler knows for something named `code`: arguments, properties, defaults of parameters. */
function codesByType(): Map<string, string> {
  const files = readdirSync(PACKAGES, { recursive: true, encoding: 'utf8' })
    .filter((name) => /^[\w-]+\/src\/.*\.ts$/.test(name) && !name.endsWith('.test.ts'))
    .map((name) => resolve(PACKAGES, name))
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    customConditions: ['@dual-encoder/source'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  })
  const checker = program.getTypeChecker()
  const codes = new Map<string, string>()
  const visit = (node: ts.Node): void => {
    for (const value of valuesOfCode(node, checker)) {
      const type = checker.getTypeAtLocation(value)
      for (const one of type.isUnion() ? type.types : [type])
        if (one.isStringLiteral() && CODE.test(one.value)) codes.set(one.value, value.getSourceFile().fileName)
    }
    ts.forEachChild(node, visit)
  }
  for (const file of files) visit(program.getSourceFile(file)!)
  return codes
}

function valuesOfCode(node: ts.Node, checker: ts.TypeChecker): ts.Expression[] {
  if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
    const { parameters = [] } = checker.getResolvedSignature(node) ?? {}
    const given = parameters.map(({ name }, i) => (name === 'code' ? node.arguments?.[i] : undefined))
    return given.filter((value) => value !== undefined)
  }
  if (ts.isPropertyAssignment(node) && node.name.getText() === 'code') return [node.initializer]
  if (ts.isParameter(node) && node.name.getText() === 'code' && node.initializer) return [node.initializer]
  return []
}

it('has a heading for every code that the compiler finds in the packages', () => {
  const headings = new Set(errorCodes().map(({ code }) => code))
  const found = codesByType()
  expect(found.size).toBeGreaterThan(200)
  expect([...found].filter(([code]) => !headings.has(code))).toEqual([])
})
