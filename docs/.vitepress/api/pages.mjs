// A plugin of TypeDoc: what its theme leaves out for a screen reader and a keyboard, and the way back to the site.
import { Renderer } from 'typedoc'

const GUIDES = [
  ['Get started', 'start.html'],
  ['Playground', 'playground.html'],
  ['Guides', 'label-pictures.html'],
  ['Errors', 'errors.html'],
]

/**
 * Headings one level below those they belong to, none left out; a class keeps the size that the theme gave them.
 * @param {string} html
 */
function inOrder(html) {
  /** @type {number[]} levels as the theme has them, each above the next */
  const above = []
  return html.replace(/<h([1-6])\b([^>]*)>(.*?)<\/h\1>/gs, (whole, digit, rest, text) => {
    const level = Number(digit)
    while (above.length > 0 && /** @type {number} */ (above.at(-1)) >= level) above.pop()
    above.push(level)
    if (above.length === level) return whole
    const styled = / class="/.test(rest)
      ? rest.replace(/ class="/, ` class="size-${level} `)
      : `${rest} class="size-${level}"`
    return `<h${above.length}${styled}>${text}</h${above.length}>`
  })
}

/**
 * @param {string} html a page as the theme writes it
 * @returns {string} with landmarks, headings in order, no link within a button, and links to the site
 */
function mended(html) {
  const base = /data-base="([^"]*)"/.exec(html)?.[1] ?? './'
  const links = GUIDES.map(([text, page]) => `<a href="${base}../${page}">${text}</a>`).join('')
  return (
    html
      .replace(/<a href="[^"]*" class="title">/, `<a href="${base}../index.html" class="title">`)
      .replace('<div id="tsd-toolbar-links"></div>', `<nav id="tsd-toolbar-links" aria-label="Site">${links}</nav>`)
      .replace('<div class="col-content">', '<div class="col-content" role="main">')
      .replace('<div class="page-menu">', '<div class="page-menu" role="complementary" aria-label="On this page">')
      .replace('<nav class="tsd-navigation">', '<nav class="tsd-navigation" aria-label="Packages">')
      // A summary is a button: the headings' own links go, their targets stay.
      .replace(/(<summary\b[^>]*>)(.*?)<\/summary>/gs, (_, start, text) => {
        return `${start}${text.replace(/<a [^>]*class="tsd-anchor-icon"[^>]*>.*?<\/a>/gs, '')}</summary>`
      })
      .replace(/<th([^>]*)><\/th>/g, '<td$1></td>')
      .replaceAll('<table>', '<table tabindex="0">')
      .replace(/<pre\b(?![^>]*tabindex)/g, '<pre tabindex="0"')
  )
}

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.renderer.on(Renderer.EVENT_END_PAGE, (page) => {
    if (page.contents) page.contents = inOrder(mended(page.contents))
  })
}
