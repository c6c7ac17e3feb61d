import { defineConfig } from 'vitepress'
import { withFigures } from './markdown.ts'
import { viteScript } from '../../tools/build/script.ts'
import { sidebar } from './pages.ts'
import { listForOffline, withPolicy } from './policy.ts'
import { withShippedFiles } from './shipped-files.ts'

/** Where the site lies: `/` or, on hosts that give each project a folder, that (`DOCS_BASE=/dual-encoder/`). */
const base = process.env['DOCS_BASE'] ?? '/'
/** Pages alone that are built (`DOCS_PAGES=index,playground`): the tests of the playground need no others. */
const pages = process.env['DOCS_PAGES']?.split(',')

export default defineConfig({
  base,
  title: 'dual-encoder',
  description: 'Vision-text dual encoders in TypeScript, with the numbers of Python, in Node and in the browser.',
  lang: 'en',
  cleanUrls: false,
  // Made after the pages, by typedoc.
  ignoreDeadLinks: pages ? true : [/^\/?api\//],
  srcExclude: ['api/**', 'proof/**', ...(pages ? [`!(${pages.join('|')}).md`, '*/**/*.md'] : [])],
  ...(process.env['DOCS_OUT'] && { outDir: process.env['DOCS_OUT'] }),
  transformHtml: (html) => withPolicy(html),
  buildEnd: ({ outDir }) => listForOffline(outDir),
  vite: {
    plugins: [viteScript, withShippedFiles],
    // The packages' sources: the site needs no build of theirs.
    resolve: { conditions: ['@dual-encoder/source'] },
    worker: { format: 'es', plugins: () => [viteScript] },
    optimizeDeps: { exclude: ['onnxruntime-web'] },
  },
  head: [
    ['link', { rel: 'icon', href: `${base}icon.svg`, type: 'image/svg+xml' }],
    ['meta', { name: 'theme-color', content: '#1f5f5b' }],
  ],
  markdown: { config: withFigures, image: { lazyLoading: true } },
  themeConfig: {
    nav: [
      { text: 'Get started', link: '/start' },
      { text: 'Playground', link: '/playground' },
      { text: 'Guides', link: '/label-pictures' },
      { text: 'API', link: '/api/', target: '_self' },
      { text: 'Errors', link: '/errors' },
    ],
    sidebar: sidebar(),
    outline: [2, 3],
    search: { provider: 'local' },
    footer: { message: 'Apache-2.0. This site asks nothing of another origin.' },
  },
})
