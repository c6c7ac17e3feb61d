// Builds the pictures that the shipped model learns from and is judged by, out of packages alone:
//   node tools/pictures/build.mjs      (npm run pictures)
// into .cache/pictures: shards/train-*.tar, shards/held-out.tar, and the judges stamps.tar, emoji.tar, photographs.tar.
import { mkdir, writeFile } from 'node:fs/promises'
import { cache } from './packages.mjs'
import { hashUnit } from './random.mjs'
import { conceptOf, writeShard } from './shards.mjs'
import { emojiSet, emojiSets, JUDGING_SET, openclipart, photographs, stamps } from './sources.mjs'
import { things } from './things.mjs'
import { efficientNet, miniLM } from './towers.mjs'

const PER_SHARD = 1000
/** Share of the training concepts that choose between recipes and are not trained on. */
const HELD_OUT = 0.1
/** Icon sets of openclipart that draw the same few things again and again: this share of each is kept. */
const THEMES = /^openclipart\/(shapes\/|computer\/icons\/(lemon|flat))/
const KEPT_OF_THEMES = 0.3

const shards = `${cache}/shards`
await mkdir(shards, { recursive: true })
await Promise.all([efficientNet(), miniLM()])

const drawings = [...(await openclipart()), ...(await emojiSets())].filter(
  ({ key, label }) => label && (!THEMES.test(key) || hashUnit(key) < KEPT_OF_THEMES),
)
const isHeldOut = (/** @type {{ label: string }} */ { label }) => hashUnit(`held out ${conceptOf(label)}`) < HELD_OUT
/** What is trained on, in random order, so that every shard is a mixture. @type {Record<string, import('./sources.mjs').Picture[]>} */
const trained = Object.fromEntries(
  Object.entries({ train: drawings, 'train-things': await things() }).map(([name, pictures]) => [
    name,
    pictures
      .filter((picture) => !isHeldOut(picture))
      .sort((a, b) => hashUnit(`order ${a.key}`) - hashUnit(`order ${b.key}`)),
  ]),
)
const parts = {
  'held-out': drawings.filter(isHeldOut),
  stamps: await stamps(),
  emoji: await emojiSet(JUDGING_SET),
  photographs: await photographs(),
}
for (const [name, pictures] of Object.entries(parts)) await writeShard(`${shards}/${name}.tar`, pictures)
for (const [name, pictures] of Object.entries(trained))
  for (let i = 0; i * PER_SHARD < pictures.length; i++)
    await writeShard(
      `${shards}/${name}-${String(i).padStart(3, '0')}.tar`,
      pictures.slice(i * PER_SHARD, (i + 1) * PER_SHARD),
    )

/** @type {Record<string, { license: string, author: string, pictures: number }>} */
const credits = {}
const train = Object.values(trained).flat()
for (const { origin } of [...train, ...Object.values(parts).flat()]) {
  const author = origin.package === 'openclipart-png' ? 'artists of openclipart.org' : origin.author
  const credit = (credits[origin.package] ??= { license: origin.license, author, pictures: 0 })
  credit.pictures++
}
const summary = {
  train: train.length,
  concepts: new Set(train.map(({ label }) => conceptOf(label))).size,
  ...Object.fromEntries(Object.entries(parts).map(([name, pictures]) => [name, pictures.length])),
  credits,
}
await writeFile(`${cache}/summary.json`, JSON.stringify(summary, null, 2))
console.log(summary)
