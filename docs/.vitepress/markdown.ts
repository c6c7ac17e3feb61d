import { existsSync, readFileSync } from 'node:fs'
import { dirname, extname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MarkdownOptions } from 'vitepress'
import { CHARTS } from './charts.ts'

type Markdown = Parameters<NonNullable<MarkdownOptions['config']>>[0]

const DOCS = fileURLToPath(new URL('../', import.meta.url))
/** Files outside this folder that are pages here. */
const PAGES: Readonly<Record<string, string>> = { '../README.md': 'start.md', '../CONTRIBUTING.md': 'contributing.md' }

/** SVG goes into the page, where it follows the colour scheme; its `alt` is what a screen reader says. */
function inlined(svg: string, alt: string): string {
  const label = alt.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
  const one = svg.replace(/<\?xml.*?\?>/, '').replace(/\n\s*/g, ' ')
  // Wider than a phone, it scrolls: also by keyboard.
  return `<span class="figure" tabindex="0" v-pre>${one.replace('<svg', `<svg role="img" aria-label="${label}"`)}</span>`
}

/**
 * `![what it shows](figures/name.svg)` stands in the page itself, and `![...](chart:name)` is drawn from what the tools
 * wrote. Links that leave `docs` name a file of the repository and are shown as one, or as the page that it is here.
 */
export function withFigures(markdown: Markdown): void {
  markdown.renderer.rules['image'] = (tokens, index, options, env, self) => {
    const token = tokens[index]!
    const source = token.attrGet('src') ?? ''
    const folder = dirname((env as { path: string }).path)
    const chart = /^chart:(.+)$/.exec(source)?.[1]
    if (chart !== undefined) {
      const draw = CHARTS[chart]
      if (!draw) throw new Error(`No chart "${chart}". There are: ${Object.keys(CHARTS).join(', ')}.`)
      return inlined(draw(), token.content)
    }
    const file = join(folder, source)
    if (source.endsWith('.svg') && existsSync(file)) return inlined(readFileSync(file, 'utf8'), token.content)
    return self.renderToken(tokens, index, options)
  }
  markdown.renderer.rules['table_open'] = () => '<table tabindex="0">\n'
  // A column without a name has no header that a screen reader could say.
  markdown.core.ruler.push('headers', ({ tokens }) => {
    for (const [i, token] of tokens.entries())
      if (token.type === 'th_open' && !tokens[i + 1]!.content)
        for (const cell of [token, tokens[i + 2]!]) cell.tag = 'td'
  })
  markdown.core.ruler.push('outward', ({ tokens, env }) => {
    // A title in the front matter has no path.
    const folder = dirname((env as { path?: string }).path ?? DOCS)
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === 'link_open' ? token.attrGet('href') : null
      if (!href || /^[a-z]+:|^#|^\//.test(href)) continue
      const [path = '', anchor] = href.split('#')
      const file = relative(DOCS, join(folder, path))
      // CONTRIBUTING.md is included here, but its links begin at the repository's root.
      if (file.startsWith('docs/')) {
        token.attrSet('href', `/${file.slice('docs/'.length)}${anchor ? `#${anchor}` : ''}`)
        continue
      }
      if (!file.startsWith('..') && ['.md', '.html'].includes(extname(file))) continue
      const page = PAGES[file]
      if (!existsSync(join(DOCS, file))) throw new Error(`${(env as { path: string }).path}: ${href} is not there.`)
      if (page) token.attrSet('href', `/${page}${anchor ? `#${anchor}` : ''}`)
      else Object.assign(token, { tag: 'span', attrs: [['class', 'repository-file']] })
    }
  })
  markdown.renderer.rules['link_close'] = (tokens, index, options, _env, self) => {
    let depth = 0
    for (let at = index; at >= 0; at--) {
      if (tokens[at]!.type === 'link_close') depth++
      if (tokens[at]!.type === 'link_open' && --depth === 0)
        return tokens[at]!.tag === 'span' ? '</span>' : self.renderToken(tokens, index, options)
    }
    return ''
  }
}
