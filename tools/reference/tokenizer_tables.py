"""Writes packages/core/src/text/engine/unicode-tables.ts: what the Rust library takes each code point for.

Found by asking `tokenizers` for every code point, so that ids do not follow the Unicode version of a
JavaScript engine. Needs `unicodedata2` (newer than any engine), to know what Rust does not yet decompose.
"""

from pathlib import Path

import unicodedata2 as newest
from tokenizers import normalizers as N
from tokenizers import pre_tokenizers as P

OUT = Path(__file__).parents[2] / "packages/core/src/text/engine/unicode-tables.ts"
POINTS = [*range(0xD800), *range(0xE000, 0x110000)]

clean = N.BertNormalizer(True, False, False, False)
chinese = N.BertNormalizer(False, True, False, False)
accents = N.BertNormalizer(False, False, True, False)
nfd, nfkd, strip, lower = N.NFD(), N.NFKD(), N.StripAccents(), N.Lowercase()
bert, words, whitespace = P.BertPreTokenizer(), P.WhitespaceSplit(), P.Whitespace()
byte_level = P.ByteLevel(add_prefix_space=False)


def base36(n):
    digits = ""
    while True:
        n, rest = divmod(n, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
        if n == 0:
            return digits


def ranges(points):
    """`gap.length` of each range in base 36, `.length` left out where it is 1."""
    runs, parts, end = [], [], 0
    for p in points:
        if runs and runs[-1][1] == p:
            runs[-1][1] = p + 1
        else:
            runs.append([p, p + 1])
    for start, stop in runs:
        parts.append(base36(start - end) + ("" if stop - start == 1 else "." + base36(stop - start)))
        end = stop
    return " ".join(parts)


def lower_runs(pairs):
    """`gap.count.stride.delta` of runs of code points that move by one delta."""
    runs = []
    for p, q in pairs:
        last = runs[-1] if runs else None
        if last and q - p == last[3] and (last[1] == 1 and p - last[0] <= 2 or p == last[0] + last[1] * last[2]):
            last[2] = (p - last[0]) // last[1]
            last[1] += 1
        else:
            runs.append([p, 1, 1, q - p])
    parts, before = [], 0
    for p, count, stride, delta in runs:
        parts.append(".".join([base36(p - before), base36(count), base36(stride), ("-" if delta < 0 else "") + base36(abs(delta))]))
        before = p
    return " ".join(parts)


tables = {k: [] for k in ("removed", "space", "cjk", "accent", "combining", "punctuation", "letter", "number", "whitespace", "word", "frozen")}
pairs, longer = [], {}
for point in POINTS:
    c = chr(point)
    s = f"a{c}b"
    cleaned = clean.normalize_str(s)
    if cleaned == "ab":
        tables["removed"].append(point)
    elif cleaned == "a b" and c != " ":
        tables["space"].append(point)
    if chinese.normalize_str(s) != s:
        tables["cjk"].append(point)
    if accents.normalize_str(c) == "":
        tables["accent"].append(point)
    if strip.normalize_str(c) == "":
        tables["combining"].append(point)
    if len(bert.pre_tokenize_str(s)) == 3:
        tables["punctuation"].append(point)
    if len(byte_level.pre_tokenize_str(s)) == 1:
        tables["letter"].append(point)
    elif len(byte_level.pre_tokenize_str(f"1{c}2")) == 1:
        tables["number"].append(point)
    if len(words.pre_tokenize_str(s)) == 2:
        tables["whitespace"].append(point)
    if len(whitespace.pre_tokenize_str(s)) == 1:
        tables["word"].append(point)
    if nfkd.normalize_str(c) == c and newest.normalize("NFKD", c) != c:
        tables["frozen"].append(point)
    if 0 < newest.combining(c) < 232 and nfd.normalize_str(f"a\u0315{c}") == f"a\u0315{c}":
        tables["frozen"].append(point)
    small = lower.normalize_str(c)
    if len(small) == 1 and small != c:
        pairs.append((point, ord(small)))
    elif small != c:
        longer[c] = small

assert longer == {"İ": "i̇"}, longer
comments = {
    "removed": "BERT's clean-up drops these.",
    "space": "BERT's clean-up makes these spaces.",
    "cjk": "BERT sets these apart.",
    "accent": "BERT strips these after decomposition.",
    "combining": "StripAccents drops these.",
    "punctuation": "BERT splits at these.",
    "letter": r"`\p{L}`",
    "number": r"`\p{N}`",
    "whitespace": r"`\s`",
    "word": r"`\w`",
    "frozen": "Newer than Rust's normalisation, which leaves them as they are.",
}
lines = [
    "// Written by tools/reference/tokenizer_tables.py. Do not edit.",
    "",
    "/** Code points, as `gap.length` of each range in base 36 (`.length` left out where it is 1). */",
    "export const RANGES = {",
    *(line for k, v in tables.items() for line in (f"  /** {comments[k]} */", f"  {k}:", f"    '{ranges(v)}',")),
    "}",
    "",
    "/** Lower case, as `gap.count.stride.delta` of each run in base 36; the gap is from the start of the run before. */",
    "export const LOWER =",
    f"  '{lower_runs(pairs)}'",
]
OUT.write_text("\n".join(lines) + "\n")
for k, v in tables.items():
    print(k, len(v), len(ranges(v)))
print("lower", len(pairs), len(lower_runs(pairs)), longer, newest.unidata_version, [hex(p) for p in tables["frozen"]][:200])
