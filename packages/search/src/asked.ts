const THINGS =
  `dog cat bird horse cow sheep fish butterfly spider elephant tiger bear rabbit snake tree flower rose leaf
mushroom mountain river beach sea island desert forest sky cloud sun moon star rain snow storm fire apple banana orange
strawberry tomato carrot bread cheese pizza cake egg soup coffee tea bottle glass cup plate knife fork table chair bed lamp
door window house church castle bridge tower city street road car bus train bicycle motorcycle boat ship airplane rocket
balloon ball bat racket guitar piano drum trumpet book newspaper letter pencil brush scissors hammer key lock clock camera
telephone computer keyboard screen robot shirt dress shoe hat crown ring bag umbrella glasses flag map coin candle gift heart
hand eye face baby child woman man family doctor farmer soldier dancer king`.split(/\s+/)

const SENTENCES = [
  (thing: string) => `a photo of a ${thing}`,
  (thing: string) => thing,
  (thing: string) => `a drawing of a ${thing} on white`,
  (thing: string) => `red ${thing}`,
  (thing: string) => `two people and a ${thing}, outdoors`,
  (thing: string) => `${thing} in the evening`,
]

/** Texts as people ask them. */
export const ASKED: readonly string[] = /* @__PURE__ */ THINGS.map((thing, i) =>
  SENTENCES[i % SENTENCES.length]!(thing),
)
