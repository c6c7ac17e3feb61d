import tseslint from 'typescript-eslint'

/** Packages depend only downwards: what each may import of the others. */
const below = {
  core: [],
  onnx: ['core'],
  tfjs: ['core'],
  webgpu: ['core', 'tfjs', 'tfjs/engine-api'],
}

const restrict = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] })
const nodeModules = {
  regex: '^node:',
  message: 'Packages run in browsers: what Node offers belongs behind #platform, #runtime or #gpu, in a node file.',
}
const upwards = (allowed) => ({
  regex: `^@dual-encoder/(?!(${allowed.join('|') || '-'})$)`,
  message: `This package may import ${allowed.map((name) => `@dual-encoder/${name}`).join(', ') || 'no other package'}.`,
})

export default tseslint.config(
  { ignores: ['**/dist/', '**/.cache/', '.nx/', 'docs/api/', '**/fixtures/', 'tools/reference/', '**/*.timestamp-*'] },
  tseslint.configs.recommended,
  tseslint.configs.stylistic,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      '@typescript-eslint/consistent-type-definitions': 'off',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    // Rules that need types: the ones that find lost promises, and types that no longer say anything.
    files: ['packages/*/src/**/*.ts', 'parity-tests/**/*.ts', 'tools/**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  ...Object.entries(below).flatMap(([name, allowed]) => [
    { files: [`packages/${name}/src/**/*.ts`], rules: restrict(upwards(allowed), nodeModules) },
    {
      files: [`packages/${name}/src/{platform,runtime,gpu}/node*.ts`, `packages/${name}/src/**/*.test.ts`],
      rules: restrict(upwards(allowed)),
    },
  ]),
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
  { files: ['tools/**', '**/*.test.ts', 'parity-tests/**'], rules: { 'no-console': 'off' } },
)
