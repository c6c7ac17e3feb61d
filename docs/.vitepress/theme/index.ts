import DefaultTheme from 'vitepress/theme-without-fonts'
import { inBrowser, type Theme, withBase } from 'vitepress'
import { h, nextTick } from 'vue'
import HomeDemo from '../HomeDemo.vue'
import './style.css'

/** The first page is the one whose content VitePress does not put into a `main`. */
function markMain(): void {
  const content = document.getElementById('VPContent')
  if (content?.classList.contains('is-home')) content.setAttribute('role', 'main')
  else content?.removeAttribute('role')
}

const notFound = () =>
  h('main', { class: 'not-found' }, [
    h('h1', 'There is no such page'),
    h('p', [
      'Perhaps it has another name now: search, or begin at ',
      h('a', { href: withBase('/') }, 'the first page'),
      '.',
    ]),
  ])

const theme: Theme = {
  extends: DefaultTheme,
  Layout: () => h(DefaultTheme.Layout, null, { 'home-hero-image': () => h(HomeDemo), 'not-found': notFound }),
  enhanceApp({ router }) {
    router.onAfterRouteChange = () => (inBrowser ? nextTick(markMain) : undefined)
  },
}
export default theme
