// TypeDoc's tree of names has links within buttons, which a screen reader cannot tell apart: they are set side by side.
const tree = document.getElementById('tsd-nav-container')

function setApart() {
  for (const link of tree.querySelectorAll('details > summary > a')) {
    const { parentElement: summary } = link
    summary.setAttribute('aria-label', `Names in ${link.textContent}`)
    const item = summary.closest('li')
    item.classList.add('branch')
    item.prepend(link)
  }
}
if (tree) {
  new MutationObserver(setApart).observe(tree, { childList: true })
  setApart()
}
