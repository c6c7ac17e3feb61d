import { defineConfig } from 'vitepress'
import { withFigures } from './markdown.ts'
import { sidebar } from './pages.ts'

/** Where the site lies: `/` or, on hosts that give each project a folder, that (`DOCS_BASE=/dual-encoder/`). */
const base = process.env['DOCS_BASE'] ?? '/'

export default defineConfig({
  base,
  title: 'dual-encoder',
  description: 'Vision-text dual encoders in TypeScript, with the numbers of Python, in Node and in the browser.',
  lang: 'en',
  cleanUrls: false,
  // Made after the pages, by typedoc.
  ignoreDeadLinks: [/^\/?api\//],
  srcExclude: ['api/**', 'proof/**'],
  head: [
    ['link', { rel: 'icon', href: `${base}icon.svg`, type: 'image/svg+xml' }],
    ['meta', { name: 'theme-color', content: '#1f5f5b' }],
  ],
  markdown: { config: withFigures, image: { lazyLoading: true } },
  themeConfig: {
    nav: [
      { text: 'Get started', link: '/start' },
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
