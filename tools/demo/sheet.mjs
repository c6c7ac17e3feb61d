// The demo's results as a page: a contact sheet for terminals that draw no pictures.
import { readFile, writeFile } from 'node:fs/promises'

const escaped = (/** @type {string} */ words) => words.replace(/[&<"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
const image = async (/** @type {string} */ file, /** @type {string} */ alt) =>
  `<img src="data:image/jpeg;base64,${await readFile(file, 'base64')}" alt="${escaped(alt)}">`

/**
 * @param {string} target where the page goes
 * @param {readonly { file: string, label: string, ranked: readonly { label: string, share: number }[] }[]} labelled
 * @param {readonly { query: string, hits: readonly { file: string, label: string, score: number }[] }[]} searches
 */
export async function writeSheet(target, labelled, searches) {
  const cards = labelled.map(async ({ file, label, ranked }) => {
    const bars = ranked.map(
      ({ label: guess, share }) => `<li><meter value="${share.toFixed(3)}"></meter> ${escaped(guess)}</li>`,
    )
    return `<figure>${await image(file, label)}<figcaption><ul>${bars.join('')}</ul></figcaption></figure>`
  })
  const rows = searches.map(async ({ query, hits }) => {
    const found = await Promise.all(hits.map(({ file, label }) => image(file, label)))
    return `<h3>${escaped(query)}</h3><p>${found.join('')}</p>`
  })
  await writeFile(
    target,
    `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>dual-encoder: the demo</title>
<style>
  :root { color-scheme: light dark; font-family: system-ui, sans-serif }
  body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
  main { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem }
  figure { margin: 0 } ul { list-style: none; padding: 0 } meter { width: 4rem }
  img { width: 13rem; height: 10rem; object-fit: cover; border-radius: 4px } p img { width: 8rem; height: 6rem; margin-right: 8px }
</style>
<h1>Labels</h1>
<main>${(await Promise.all(cards)).join('\n')}</main>
<h1>Search</h1>
${(await Promise.all(rows)).join('\n')}
</html>
`,
  )
}
