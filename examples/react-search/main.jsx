import { AutoProcessor } from '@dual-encoder/core'
import { AutoModel } from '@dual-encoder/onnx'
import { SearchIndex } from '@dual-encoder/search'
import { Suspense, use, useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'

/** `public/model`: `npm run model` puts the one there that ships. */
const source = new URL('model/', document.baseURI)
const opened = Promise.all([AutoModel.fromPretrained(source), AutoProcessor.fromPretrained(source)]).then(
  ([model, processor]) => SearchIndex.open('memory:', { model, processor }),
)

function Search() {
  const index = use(opened)
  const [pictures, setPictures] = useState(new Map())
  const [said, setSaid] = useState('')
  const [text, setText] = useState('')
  const [hits, setHits] = useState([])

  const add = async (files) => {
    const onProgress = ({ done, total }) => setSaid(`${done} of ${total}`)
    const items = [...files].map((file) => ({ id: file.name, image: file }))
    const { failed } = await index.add(items, { onProgress })
    setPictures(new Map([...pictures, ...items.map(({ id, image }) => [id, URL.createObjectURL(image)])]))
    setSaid(`${await index.count()} pictures${failed.length > 0 ? `, ${failed.length} that cannot be read` : ''}`)
  }

  useEffect(() => {
    let last = true
    const found = text.trim() ? index.search(text, { k: 12 }) : Promise.resolve([])
    // Of what was typed before, the answer is not wanted any more.
    void found.then((hits) => last && setHits(hits))
    return () => void (last = false)
  }, [index, text, pictures])

  return (
    <>
      <form onSubmit={(event) => event.preventDefault()}>
        <input
          type="file"
          accept="image/*"
          multiple
          aria-label="Pictures"
          onChange={(event) => add(event.target.files)}
        />
        <input
          type="search"
          placeholder="a slice of pizza"
          aria-label="What to look for"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <output>{said}</output>
      </form>
      <ol>
        {hits.map(({ id, score }) => (
          <li key={id}>
            <figure>
              <img src={pictures.get(id)} alt={id} />
              <figcaption>{score.toFixed(2)}</figcaption>
            </figure>
          </li>
        ))}
      </ol>
    </>
  )
}

createRoot(document.getElementById('app')).render(
  <Suspense fallback={<p>The model comes ...</p>}>
    <Search />
  </Suspense>,
)
