"""Strings that any language can make again from integers: `strings` in parity-tests/src/text/strings.ts."""

WORDS = {
    "english": "a the photo of cat dog on with red car street two people playing in park dog's don't I'm we've they'll you're he'd table wooden small large blue sky mountain river sitting standing next to old man woman children running beach sunset Naïve CAFÉ co-operate U.S.A. 3.14 1,000 #tag @user e-mail 2nd 90's bicycle umbrella kitchen plate pizza train station giraffe zebra elephant surfboard skateboard laptop keyboard",
    "german": "Ein Foto von Straße größer Übung Mädchen Äpfel schön GROẞ weiß Fußgängerzone Donaudampfschifffahrtsgesellschaft",
    "french": "une photo d'un chien l'été garçon où cœur Œuvre déjà français élève naïveté aujourd'hui",
    "turkish": "İstanbul ışık güneş çocuk şehir ağaç İĞNE kırmızı",
    "vietnamese": "một bức ảnh con mèo đường phố người đàn ông Việt Nam trường học",
    "russian": "фотография кошки на улице Ёлка ёж собака красный автомобиль город Москва",
    "greek": "φωτογραφία ΌΔΟΣ σκύλος γάτα ΣΊΣΥΦΟΣ θάλασσα ᾼδης ὕδωρ",
    "hebrew": "תמונה של חתול כלב שָׁלוֹם ירושלים בית",
    "arabic": "صورة قطة كلب مُحَمَّد السلام عليكم ﷺ ﻻ بيت",
    "persian": "می‌خواهم گربه خانه‌ها کتاب",
    "hindi": "एक तस्वीर बिल्ली कुत्ता हिन्दी क्षेत्र ज़िन्दगी",
    "bengali": "একটি ছবি বিড়াল কুকুর ঢাকা বাংলা",
    "tamil": "புகைப்படம் பூனை நாய் தமிழ் கொடு",
    "thai": "ภาพถ่าย แมว สุนัข กรุงเทพมหานคร น้ำ",
    "korean": "사진 고양이 강아지 서울 한국어 한글",
    "japanese": "写真 ネコ いぬ 東京 がぎぐ パピプ ｶﾞｷﾞ 株式会社㈱ 令和㋿",
    "chinese": "照片 猫 狗 北京市 中華人民共和國 街道 𠮷野家 龍",
    "georgian": "ფოტო კატა ძაღლი ᲗᲑᲘᲚᲘᲡᲘ თბილისი",
    "armenian": "լուսանկար կատու շուն և Երևան",
    "amharic": "ፎቶ ድመት ውሻ አዲስ አበባ",
    "burmese": "ဓာတ်ပုံ ကြောင် ခွေး",
    "khmer": "រូបថត ឆ្មា ឆ្កែ",
}
SCRIPTS = {name: words.split() for name, words in WORDS.items()}

EMOJI = "😀 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇫🇷🇩🇪 ❤️‍🔥 1️⃣ ☕ 🧑🏿‍🚀 🐻‍❄️ ©️ ™ 🫠 🪿 👩‍❤️‍💋‍👨".split()

GAPS = [
    " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\u200d", "\ufeff", "\u0085", "\u2028", "\u202f",
    "\u00ad", "\u0000", "\u0007", "\u007f", "\u180e", "\u2060", "\ufffd", "...", "!?", "–", "«", "'", "`", "^", "|", "_",
    "\u0301", "\u0327\u0301", "\u0338", "\u20dd", "\ufe0f", "\U000e0001",
]

PIECES = [
    "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "<s>", "</s>", "<mask>", "<pad>", "<unk>", "<|startoftext|>",
    "<|endoftext|>", "[mask]", "<S>", "<|", "##ing", "▁", "▁the", "Ġ", "</w>", "'s", "'S", "'ll", "''", "[ MASK ]",
    " <mask> ", "ﬁ", "①", "½", "Ⅷ", "㎏", "Å", "e\u0301", "ñ", "n\u0303", "\u1e9b\u0323", "ǆ", "ŉ", "ß", "ẞ", "ﬀ", "<0x41>",
]

# Where hostile characters are taken from.
RANGES = [
    (0x20, 0x7F), (0x80, 0x250), (0x2B0, 0x370), (0x370, 0x530), (0x590, 0x800), (0x800, 0xE00), (0xE00, 0x1200),
    (0x1AB0, 0x2000), (0x2000, 0x2C00), (0x3000, 0x3400), (0xA000, 0xD800), (0xE000, 0xE010), (0xF900, 0x10000),
    (0x10000, 0x11000), (0x11000, 0x12000), (0x16A00, 0x17000), (0x1B000, 0x1D200), (0x1D200, 0x1E000), (0x1E000, 0x20000),
    (0x20000, 0x20100), (0xE0000, 0xE0200),
]  # fmt: skip

COMPOSED = 20_400
SWEPT = 0x20000
PER_SWEEP = 16


class Random:
    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % n

    def of(self, items):
        return items[self.below(len(items))]


def composed(index):
    random = Random(index * 2654435761 & 0xFFFFFFFF)
    scripts = list(SCRIPTS.values())
    kind = index % 8

    def words(count, pick):
        return [pick() for _ in range(count)]

    if kind < 2:
        script = scripts[0] if random.below(2) == 0 else random.of(scripts)
        return " ".join(words(3 + random.below(10), lambda: random.of(script))) + random.of([".", "!", "", "?", "。", " ,"])
    if kind == 2:
        return " ".join(words(2 + random.below(8), lambda: random.of(random.of(scripts))))
    if kind == 3:

        def hostile():
            start, end = random.of(RANGES)
            return chr(start + random.below(end - start))

        return "".join(words(1 + random.below(12), lambda: random.of(scripts[0]) if random.below(5) == 0 else hostile()))
    if kind == 4:
        return "".join(words(1 + random.below(8), lambda: random.of([random.of(EMOJI), " ", random.of(scripts[0])])))
    if kind == 5:
        return "".join(words(1 + random.below(8), lambda: random.of(random.of(scripts)) + random.of(GAPS)))
    if kind == 6:
        return random.of(random.of(scripts)) * (1 + random.below(60)) + random.of(GAPS) + random.of(scripts[0])
    return "".join(words(1 + random.below(6), lambda: random.of([random.of(PIECES), " ", random.of(random.of(scripts)), random.of(GAPS)])))


def swept(index):
    points = range(index * PER_SWEEP, (index + 1) * PER_SWEEP)
    return "".join(f"a{chr(point)}B{chr(point)} " for point in points if not 0xD800 <= point < 0xE000)


def strings():
    return [composed(i) for i in range(COMPOSED)] + [swept(i) for i in range(SWEPT // PER_SWEEP)]


def pools():
    return {"scripts": list(SCRIPTS.values()), "emoji": EMOJI, "gaps": GAPS, "pieces": PIECES, "ranges": RANGES}
