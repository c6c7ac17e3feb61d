"""Tokenizer fixtures: parity-tests/fixtures/text

Trains small tokenizers of four families on text of many scripts, and keeps what transformers makes of strings,
batches and options. The hub is not needed. Vocabularies that are there are kept, since the trainers break ties in an
order of their own at every run; --train makes new ones.

    python tools/reference/tokenizer_fixtures.py [--train]
"""

import io
import itertools
import json
import os
import pathlib
import shutil
import sys

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"

import sentencepiece
import transformers
from tokenizer_strings import COMPOSED, SCRIPTS, Random, composed, pools, strings
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = pathlib.Path(__file__).parents[2] / "parity-tests/fixtures/text"
CHUNK = 50
CORPUS = [composed(i) for i in range(0, 12_000) if i % 8 in (0, 1, 2)]


def fresh(name):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def train(tokenizer, trainer):
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def write_bpe(folder, tokenizer):
    """vocab.json and merges.txt as slow tokenizers keep them."""
    model = json.loads(tokenizer.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(merge) + "\n" for merge in model["merges"]))


def trained(tokenizer_class):
    """A function that writes a tokenizer's folder becomes one that loads it, and writes it where it has to."""

    def wrap(write):
        def make():
            folder = OUT / write.__name__
            if "--train" in sys.argv or not folder.is_dir():
                write()
            return tokenizer_class.from_pretrained(folder)

        make.__name__ = write.__name__
        return make

    return wrap


@trained(transformers.BertTokenizer)
def bert():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    train(tokenizer, trainers.WordPieceTrainer(vocab_size=2000, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    vocab = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    folder = fresh("bert")
    (folder / "vocab.txt").write_text("".join(token + "\n" for token, _ in vocab))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "model_max_length": 32}))


@trained(transformers.RobertaTokenizer)
def roberta():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    train(tokenizer, trainer)
    folder = fresh("roberta")
    write_bpe(folder, tokenizer)
    config = {"tokenizer_class": "RobertaTokenizer", "model_max_length": 32}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


@trained(transformers.CLIPTokenizer)
def clip():
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    split = Regex(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(split, "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=["<|startoftext|>", "<|endoftext|>"],
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
    )
    train(tokenizer, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    vocab = dict(model["vocab"])
    for char in sorted(alphabet):
        vocab.setdefault(char + "</w>", len(vocab))
    folder = fresh("clip")
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(merge) + "\n" for merge in model["merges"]))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 32}))


def sentencepiece_model():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=1500, character_coverage=0.9995,
        model_type="unigram", normalization_rule_name="nmt_nfkc", hard_vocab_limit=False, minloglevel=2, num_threads=1,
    )  # fmt: skip
    return model.getvalue()


MODEL = sentencepiece_model()


def xlm_roberta():
    folder = fresh("xlm-roberta")
    (folder / "sentencepiece.bpe.model").write_bytes(MODEL)
    config = {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 32}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return transformers.XLMRobertaTokenizer.from_pretrained(folder)


def camembert():
    # The file is XLM-R's: the test puts it beside this configuration.
    folder = fresh("camembert")
    config = {"tokenizer_class": "CamembertTokenizer", "model_max_length": 32}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "sentencepiece.bpe.model").write_bytes(MODEL)
    tokenizer = transformers.CamembertTokenizer.from_pretrained(folder)
    (folder / "sentencepiece.bpe.model").unlink()
    return tokenizer


def checksum(rows):
    """FNV-1a over the ids of rows, a row ending in -1."""
    value = 0x811C9DC5
    for row in rows:
        for number in [*row, 0xFFFFFFFF]:
            value = ((value ^ number) * 0x01000193) & 0xFFFFFFFF
    return value


def chunks(rows):
    return [checksum(rows[i : i + CHUNK]) for i in range(0, len(rows), CHUNK)]


BATCHES = [
    [["a photo of a cat", "two people playing in the park with a red umbrella next to an old man"], None],
    [["a photo of a cat", "one", "", "the dog's bicycle, on the street!"], ["the river", "sitting standing on a wooden table", "x", ""]],
    [["GROẞ naïve 😀👍🏽 東京 e\u0301te\u0301", "[MASK] <mask> </s> <|endoftext|>"], None],
    ["a single text about mountains", None],
    ["a single text about mountains", "and its second"],
    ["a single text", ""],
]
PADDINGS = [{}, {"padding": True}, {"padding": "max_length"}, {"padding": "longest"}, {"padding": "max_length", "padding_side": "left"}]
TRUNCATIONS = [{}, *({"truncation": t} for t in (True, False, "longest_first", "only_first", "only_second"))]
LENGTHS = [{}, *({"max_length": n} for n in (0, 1, 2, 3, 4, 5, 8, 12, 16, 40))]
MULTIPLES = [{}, {"pad_to_multiple_of": 8}, {"pad_to_multiple_of": 5}]
EXTRAS = [{}, {"add_special_tokens": False}, {"truncation_side": "left"}]
ALL = dict(return_special_tokens_mask=True, return_token_type_ids=True, return_attention_mask=True, return_offsets_mapping=True)


ERRORS = set()


def units(text, offset):
    """Offsets in UTF-16 units."""
    return [len(text[:point].encode("utf-16-le", "surrogatepass")) // 2 for point in offset]


def call(tokenizer, texts, pairs, options):
    options = dict(options)
    tokenizer.truncation_side = options.pop("truncation_side", "right")
    try:
        out = tokenizer([texts] if isinstance(texts, str) and pairs is None else texts, pairs, **options, **ALL)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # Rust's panics are no Exceptions
        ERRORS.add(f"{type(error).__name__}: {error}"[:100])
        return None
    result = dict(out)
    if result["input_ids"] and not isinstance(result["input_ids"][0], list) or isinstance(texts, str) and pairs is not None:
        result = {key: [value] for key, value in result.items()}
    flat = []
    for row in range(len(result["input_ids"])):
        for key in ("input_ids", "attention_mask", "token_type_ids", "special_tokens_mask"):
            flat.append(result[key][row])
    return checksum(flat)


def combinations():
    """One in ten of all combinations of batch and options."""
    random = Random(7)
    for batch, *parts in itertools.product(range(len(BATCHES)), PADDINGS, TRUNCATIONS, LENGTHS, MULTIPLES, EXTRAS):
        if random.below(10) == 0:
            yield batch, {key: value for part in parts for key, value in part.items()}


def offsets(tokenizer, texts):
    rows = []
    for text in texts:
        row = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        rows.append([point for offset in row for point in units(text, offset)])
    return chunks(rows)


def text_checksum(text):
    return checksum([list(text.encode("utf-8"))])


def main():
    texts = strings()
    OUT.mkdir(parents=True, exist_ok=True)
    families = {}
    cases = list(combinations())
    for make in (bert, roberta, clip, xlm_roberta, camembert):
        tokenizer = make()
        name = make.__name__.replace("_", "-")
        rows = tokenizer(texts)["input_ids"]
        words = [[word for word in text.split(" ") if word] or ["x"] for text in texts[:400]]
        families[name] = {
            "chunks": chunks(rows),
            "samples": [rows[i] for i in range(0, COMPOSED, 1021)],
            "decoded": [text_checksum(tokenizer.decode(row)) for row in rows[:1000]],
            "plain": [text_checksum(tokenizer.decode(row, skip_special_tokens=True)) for row in rows[:1000]],
            "offsets": offsets(tokenizer, [text for i, text in enumerate(texts[:4000]) if i % 8 < 5]),
            "words": chunks(tokenizer(words, is_split_into_words=True)["input_ids"]),
            "calls": [call(tokenizer, *BATCHES[batch], options) for batch, options in cases],
        }
        print(name, len(tokenizer), len(rows), sum(map(len, rows)))
    versions = {"transformers": transformers.__version__, "tokenizers": __import__("tokenizers").__version__}
    calls = {"versions": versions, "chunk": CHUNK, "count": len(texts), "batches": BATCHES, "cases": cases, "families": families}
    print(*sorted(ERRORS), sep="\n")
    (OUT / "strings.json").write_text(json.dumps({**pools(), "composed": COMPOSED}, ensure_ascii=False))
    (OUT / "tokenizers.json").write_text(json.dumps(calls, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()
