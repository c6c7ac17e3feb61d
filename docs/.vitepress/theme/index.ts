import DefaultTheme from 'vitepress/theme-without-fonts'
import { inBrowser, type Theme } from 'vitepress'
import { h, nextTick } from 'vue'
import HomeDemo from '../HomeDemo.vue'
import './style.css'

/** The first page is the one whose content VitePress does not put into a `main`. */
function markMain(): void {
  const content = document.getElementById('VPContent')
  if (content?.classList.contains('is-home')) content.setAttribute('role', 'main')
  else content?.removeAttribute('role')
}

const theme: Theme = {
  extends: DefaultTheme,
  Layout: () => h(DefaultTheme.Layout, null, { 'home-hero-image': () => h(HomeDemo) }),
  enhanceApp({ router }) {
    router.onAfterRouteChange = () => (inBrowser ? nextTick(markMain) : undefined)
  },
}
export default theme
