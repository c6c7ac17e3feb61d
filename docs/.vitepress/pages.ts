import { readdirSync, readFileSync } from 'node:fs'
import type { DefaultTheme } from 'vitepress'

const DOCS = new URL('../', import.meta.url)

/** The sidebar: names of pages in their order. A page that no group names goes to the last one by itself. */
const GROUPS: readonly (readonly [title: string, pages: readonly string[]])[] = [
  ['Begin', ['start', 'playground', 'concepts', 'which-backend']],
  [
    'Guides',
    [
      'label-pictures',
      'search',
      'lit',
      'training',
      'training-data',
      'int8',
      'browsers',
      'server',
      'cli',
      'many-machines',
      'evaluation',
      'hub',
    ],
  ],
  ['Coming from', ['from-pytorch', 'from-flax', 'from-tensorflow', 'from-open-clip', 'from-transformers-js']],
  ['Models', ['models', 'families', 'images', 'text', 'pictures', 'languages', 'patches']],
  ['Backends', ['onnx', 'tfjs-wasm', 'webgpu']],
  [
    'Measured',
    [
      'parity',
      'parity/onnx',
      'parity/tfjs',
      'parity/webgpu',
      'benchmarks',
      'int8-measured',
      'pictures-tried',
      'which-python',
    ],
  ],
  ['Help', ['errors', 'changelog', 'contributing', 'security']],
]

/** A page's own name in the sidebar (`nav:` of its front matter), else its heading. */
function titleOf(page: string): string {
  const text = readFileSync(new URL(`${page}.md`, DOCS), 'utf8')
  return (/^nav: (.+)$/m.exec(text)?.[1] ?? /^# (.+)$/m.exec(text)?.[1] ?? page).replaceAll('`', '')
}

const existing = ['', 'parity/'].flatMap((folder) =>
  readdirSync(new URL(folder, DOCS))
    .filter((name) => name.endsWith('.md') && name !== 'index.md')
    .map((name) => `${folder}${name.slice(0, -'.md'.length)}`),
)

export function sidebar(): DefaultTheme.SidebarItem[] {
  const listed = new Set(GROUPS.flatMap(([, pages]) => pages))
  const more = existing.filter((page) => !listed.has(page))
  return [...GROUPS, ['More', more] as const]
    .map(([text, pages]) => ({
      text,
      items: pages.filter((page) => existing.includes(page)).map((page) => ({ text: titleOf(page), link: `/${page}` })),
    }))
    .filter(({ items }) => items.length > 0)
}
