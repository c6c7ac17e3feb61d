// Words that GCompris teaches by pictures, in its own translations.
import { debianPackage } from '../pictures/packages.mjs'
import { readRcc } from '../pictures/rcc.mjs'
import { bare, LANGUAGES } from './dictionaries.mjs'

/** @typedef {import('./dictionaries.mjs').Language} Language */
const ARTICLE = {
  de: /^(der|die|das|ein|eine) /,
  fr: /^(le |la |les |l'|un |une |du |des |de la |de l')/,
  es: /^(el|la|los|las|un|una) /,
}

/** @returns {Promise<{ language: Language, english: string, article: string, word: string }[]>} words, their articles apart */
export async function everyday() {
  const files = await readRcc(`${await debianPackage('gcompris-qt-data')}/usr/share/gcompris-qt/rcc/lang.rcc`)
  const list = (/** @type {string} */ language) => {
    const content = [...files].find(([path]) => path.endsWith(`/content-${language}.json`))?.[1]
    if (!content) throw new Error(`GCompris has no words in ${language}.`)
    /** @type {Record<string, string>} */
    const words = JSON.parse(content.toString())
    return words
  }
  const english = list('en')
  return /** @type {Language[]} */ (Object.keys(LANGUAGES)).flatMap((language) =>
    Object.entries(list(language)).flatMap(([key, said]) => {
      const [article = ''] = ARTICLE[language].exec(said.toLowerCase()) ?? []
      const own = bare(english[key]?.toLowerCase() ?? '')
      const word = said.toLowerCase().slice(article.length)
      return own && word ? [{ language, english: own, article, word }] : []
    }),
  )
}
