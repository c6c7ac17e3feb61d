import vue from 'eslint-plugin-vue'
import tseslint from 'typescript-eslint'
import { FLOORS } from './tools/lint/floors.mjs'

/** Packages depend only downwards: what each may import of the others. */
const below = {
  core: [],
  train: ['core', 'core/backend', 'core/training'],
  onnx: ['core', 'core/backend', 'core/training'],
  tfjs: ['core', 'core/backend', 'core/training'],
  webgpu: ['core', 'core/backend', 'core/training', 'tfjs', 'tfjs/engine-api'],
  search: ['core', 'core/backend'],
  // Its test alone imports any.
  'model-pictures': ['core', 'onnx'],
  cli: ['core', 'core/backend', 'onnx', 'train', 'search', 'model-pictures'],
}
/** Packages that run in Node alone. */
const IN_NODE = ['cli']
const BACKENDS = ['onnx', 'tfjs', 'webgpu']

const restrict = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] })
const nodeModules = {
  regex: '^node:',
  message: 'Packages run in browsers: what Node offers belongs behind #platform, #runtime or #gpu, in a node file.',
}
/** Folders of core that hold code for Node, in files whose names begin with node. */
const NODE_FOLDERS = ['platform', 'files', 'images']
/** Inside core, folders import only those below them. */
const higherFloors = (floor) => ({
  regex: `^(\\.\\./)+(${FLOORS.slice(floor + 1).join('|') || '-'})(/|$)`,
  message: `${FLOORS[floor]}/ may import only ${FLOORS.slice(0, floor + 1).join(', ')} (tools/lint/floors.mjs).`,
})
const upwards = (allowed) => ({
  regex: `^@dual-encoder/(?!(${allowed.join('|') || '-'})$)`,
  message: `This package may import ${allowed.map((name) => `@dual-encoder/${name}`).join(', ') || 'no other package'}.`,
})

export default tseslint.config(
  {
    ignores: [
      '**/dist/',
      '**/.cache/',
      '.nx/',
      'docs/api/',
      'docs/.vitepress/cache/',
      '**/fixtures/',
      'tools/reference/',
      '**/*.timestamp-*',
    ],
  },
  tseslint.configs.recommended,
  tseslint.configs.stylistic,
  vue.configs['flat/recommended'],
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
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    // Rules that need types: the ones that find lost promises, and types that no longer say anything. One program for all.
    files: ['packages/*/src/**/*.ts', 'parity-tests/**/*.ts', 'tools/**/*.ts'],
    languageOptions: { parserOptions: { project: 'tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  ...Object.entries(below).flatMap(([name, allowed]) => [
    {
      files: [`packages/${name}/src/**/*.ts`],
      rules: restrict(upwards(allowed), ...(IN_NODE.includes(name) ? [] : [nodeModules])),
    },
    {
      files: [
        `packages/${name}/src/{platform,files,runtime,gpu,images}/**/node*.ts`,
        `packages/${name}/src/**/*.test.ts`,
      ],
      rules: restrict(upwards(allowed)),
    },
  ]),
  {
    files: BACKENDS.map((name) => `packages/${name}/src/**/*.ts`),
    ignores: ['**/*.test.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          name: '@dual-encoder/core',
          allowTypeImports: true,
          message: 'It loads tokenizers, processors and evaluation. Values come from @dual-encoder/core/backend.',
        },
      ],
    },
  },
  ...FLOORS.flatMap((folder, floor) => {
    const inNode = [`packages/core/src/${folder}/**/node*.ts`]
    const rules = [upwards(below.core), higherFloors(floor)]
    return [
      {
        files: [`packages/core/src/${folder}/**/*.ts`],
        ignores: ['**/*.test.ts', ...inNode],
        rules: restrict(...rules, nodeModules),
      },
      { files: inNode, rules: restrict(...rules, ...(NODE_FOLDERS.includes(folder) ? [] : [nodeModules])) },
    ]
  }),
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
    rules: {
      // Prettier's part.
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      // A folder of its own says whose they are.
      'vue/multi-word-component-names': 'off',
      // TypeScript's part.
      'no-undef': 'off',
    },
  },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
  { files: ['tools/**', '**/*.test.ts', 'parity-tests/**'], rules: { 'no-console': 'off' } },
)
