"""Tokenizer settings: parity-tests/fixtures/text/settings.json

Small tokenizers of every class, as tokenizer.json and as the files of slow tokenizers, with settings that speak against
each other; and what AutoTokenizer makes of each folder.

    python tools/reference/tokenizer_settings.py
"""

import base64
import io
import json
import os
import pathlib
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
os.environ["HF_HUB_OFFLINE"] = "1"

import sentencepiece
import tokenizers
import transformers
from tokenizer_strings import composed
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

RULES_FILE = pathlib.Path(tempfile.gettempdir(), "tokenizer_settings_rules.tsv")
OUT = pathlib.Path(__file__).parents[2] / "parity-tests/fixtures/text/settings.json"
CORPUS = [composed(i) for i in range(0, 3000) if i % 8 in (0, 1)]

SINGLE = [
    "HELLO É café 中文 naïve ﬁne",
    "  two  spaces\tand\na line ``quoted''  ",
    "a [MASK] b  <mask> c [IMG]covid19  new-token the [CLS] end</s>",
    "x</s> y <s> z <pad> [PAD] <unk> [UNK] <|endoftext|>",
    "don't stop!! 12345, x,y 😀 東京",
    "",
    " leading",
]
PAIR = ["a photo of a cat", "the Dog's   bicycle"]


def wordpiece(specials):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    alphabet = list("abcdefghijklmnopqrstuvwxyzABCDEHLO0123456789éÉïñ中文東京fiﬁ!,.'`-[]<>/|_😀")
    trainer = trainers.WordPieceTrainer(vocab_size=260, special_tokens=specials, initial_alphabet=alphabet, limit_alphabet=90)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]


def bytes_bpe(specials, suffix=None):
    ending = {"end_of_word_suffix": suffix} if suffix else {}
    tokenizer = Tokenizer(models.BPE(**ending))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=620 if suffix else 340, special_tokens=specials, initial_alphabet=alphabet, **ending
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    vocab = dict(model["vocab"])
    if suffix:
        for char in sorted(alphabet):
            vocab.setdefault(char + suffix, len(vocab))
    return vocab, [" ".join(merge) for merge in model["merges"]]


def gemma_bpe():
    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    ascii_only = [text for text in CORPUS if text.isascii()]
    trainer = trainers.BpeTrainer(vocab_size=480, special_tokens=specials, initial_alphabet=list("ABCDEHLO▁é"), limit_alphabet=70)
    tokenizer.train_from_iterator(ascii_only, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return dict(model["vocab"]), [" ".join(merge) for merge in model["merges"]]


# A charsmap in small: ﬁ, a non-breaking space and e with a combining accent.
RULES = "FB01\t66 69\nA0\t20\n65 301\tE9\nFF21\t41\n"


def spm(normalization=True, **options):
    model = io.BytesIO()
    if normalization:
        RULES_FILE.write_text(RULES)
        options["normalization_rule_tsv"] = str(RULES_FILE)
    else:
        options["normalization_rule_name"] = "identity"
    texts = [text for text in CORPUS if text.isascii()] + ["café naïve É 中文 東京 Hello CLOSED Bad"] * 5
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=model, vocab_size=240, character_coverage=1.0, model_type="unigram",
        hard_vocab_limit=False, minloglevel=2, num_threads=1, **options,
    )  # fmt: skip
    return model.getvalue()


ROBERTA = bytes_bpe(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
DEBERTA = bytes_bpe(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"])
CLIP = bytes_bpe(["<|startoftext|>", "<|endoftext|>"], "</w>")
merges_txt = lambda merges: "#version: 0.2\n" + "".join(merge + "\n" for merge in merges)
vocab_txt = lambda vocab: "".join(token + "\n" for token in vocab)
SPM = {
    "xlmr.model": spm(),
    "plain.model": spm(normalization=False),
    "albert.model": spm(
        pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, pad_piece="<pad>",
        control_symbols="[CLS],[SEP]", user_defined_symbols="[MASK],(,)",
    ),
    "deberta.model": spm(
        pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]",
        eos_piece="[SEP]", unk_piece="[UNK]",
    ),
    "rembert.model": spm(
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, pad_piece="<pad>",
        eos_piece="</s>", control_symbols="[CLS],[SEP],[MASK]",
    ),
    "t5.model": spm(pad_id=0, eos_id=1, unk_id=2, bos_id=-1),
}  # fmt: skip
BLOBS = {
    "bert.txt": vocab_txt(wordpiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])),
    "mpnet.txt": vocab_txt(wordpiece(["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"])),
    "roberta.vocab": json.dumps(ROBERTA[0], ensure_ascii=False),
    "roberta.merges": merges_txt(ROBERTA[1]),
    "deberta.vocab": json.dumps(DEBERTA[0], ensure_ascii=False),
    "deberta.merges": merges_txt(DEBERTA[1]),
    "clip.vocab": json.dumps(CLIP[0], ensure_ascii=False),
    "clip.merges": merges_txt(CLIP[1]),
    **{name: {"base64": base64.b64encode(model).decode()} for name, model in SPM.items()},
}


def content_of(blob):
    value = BLOBS[blob]
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value.encode()


def load(files, folder):
    """Files by name: a blob's name, an object, or a blob of tokenizer.json with some of its keys replaced."""
    for name, value in files.items():
        if isinstance(value, str):
            data = content_of(value)
        elif "$base" in value:
            data = json.dumps({**json.loads(content_of(value["$base"])), **value["patch"]}).encode()
        else:
            data = json.dumps(value).encode()
        (folder / name).write_bytes(data)
    return transformers.AutoTokenizer.from_pretrained(folder)


DUAL = {"model_type": "vision-text-dual-encoder"}
SLOW = {
    "BertTokenizer": {"vocab.txt": "bert.txt"},
    "DistilBertTokenizer": {"vocab.txt": "bert.txt"},
    "ElectraTokenizerFast": {"vocab.txt": "bert.txt"},
    "MobileBertTokenizer": {"vocab.txt": "bert.txt"},
    "MPNetTokenizer": {"vocab.txt": "mpnet.txt"},
    "RobertaTokenizer": {"vocab.json": "roberta.vocab", "merges.txt": "roberta.merges"},
    "DebertaTokenizer": {"vocab.json": "deberta.vocab", "merges.txt": "deberta.merges"},
    "CLIPTokenizer": {"vocab.json": "clip.vocab", "merges.txt": "clip.merges"},
    "XLMRobertaTokenizer": {"sentencepiece.bpe.model": "xlmr.model"},
    "CamembertTokenizer": {"sentencepiece.bpe.model": "plain.model"},
    "AlbertTokenizer": {"spiece.model": "albert.model"},
    "RemBertTokenizer": {"sentencepiece.model": "rembert.model"},
    "DebertaV2Tokenizer": {"spm.model": "deberta.model"},
    "T5Tokenizer": {"spiece.model": "t5.model"},
    "SiglipTokenizer": {"spiece.model": "t5.model"},
}
WORD_SWITCHES = [
    {"do_lower_case": False}, {"do_lower_case": False, "strip_accents": True}, {"strip_accents": False},
    {"tokenize_chinese_chars": False}, {"do_lower_case": True, "strip_accents": None},
]  # fmt: skip
SIGLIP_DECODER = {
    str(i): {"content": token, "lstrip": True, "normalized": False, "rstrip": True, "single_word": False, "special": True}
    for i, token in ((1, "</s>"), (2, "<unk>"))
}
# The switches of each class, and settings that all have.
SWITCHES = {
    "BertTokenizer": WORD_SWITCHES,
    "DistilBertTokenizer": WORD_SWITCHES[:1],
    "ElectraTokenizerFast": WORD_SWITCHES[:1],
    "MPNetTokenizer": WORD_SWITCHES,
    "RobertaTokenizer": [{"add_prefix_space": True}, {"trim_offsets": False}, {"add_prefix_space": True, "trim_offsets": False}],
    "DebertaTokenizer": [{"add_prefix_space": True}, {"do_lower_case": True}],
    "CLIPTokenizer": [{"do_lower_case": False}, {"add_prefix_space": True}, {"errors": "ignore"}, {"unk_token": "!"}],
    "XLMRobertaTokenizer": [{"add_prefix_space": False}, {"legacy": False}, {"do_lower_case": True}],
    "CamembertTokenizer": [{"add_prefix_space": False}, {"additional_special_tokens": ["<s>NOTUSED", "[IMG]"]}],
    "AlbertTokenizer": [
        {"do_lower_case": False}, {"keep_accents": True}, {"do_lower_case": False, "keep_accents": True},
        {"add_prefix_space": False}, {"remove_space": False},
    ],
    "RemBertTokenizer": [{"do_lower_case": True}, {"keep_accents": False}, {"add_prefix_space": False}, {"remove_space": False}],
    "DebertaV2Tokenizer": [{"do_lower_case": True}, {"split_by_punct": True}, {"add_prefix_space": False}, {"unk_id": 5}],
    "T5Tokenizer": [{"extra_ids": 3}, {"add_prefix_space": False}, {"legacy": False}],
    "GemmaTokenizer": [{"do_lower_case": True}, {"add_prefix_space": True}, {"legacy": False}],
    "SiglipTokenizer": [
        {"do_lower_case": False}, {"pad_token": "<pad>"}, {"model_input_names": ["input_ids"]}, {"model_max_length": 5},
        {"unk_token": "[UNK]"}, {"added_tokens_decoder": SIGLIP_DECODER}, {"legacy": False},
    ],
    "Siglip2Tokenizer": [{"do_lower_case": False}, {"padding_side": "right"}],
}  # fmt: skip
COMMON = [
    {"add_bos_token": False, "add_eos_token": True},
    {"add_bos_token": True},
    {"padding_side": "left", "truncation_side": "left"},
    {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]},
    {"extra_special_tokens": ["[IMG]", "covid19"], "model_max_length": 9},
    {"additional_special_tokens": ["[IMG]"]},
    {"pad_token": "new-token"},
    {"mask_token": {"__type": "AddedToken", "content": "[IMG]", "lstrip": True, "rstrip": True, "normalized": False, "single_word": False}},
    {"image_token": "[IMG]"},
    {"split_special_tokens": True},
    {"additional_special_tokens": [{"__type": "AddedToken", "content": "[IMG]", "lstrip": True, "rstrip": False, "normalized": True, "single_word": False}]},
    {"additional_special_tokens": ["[IMG]", "covid19"], "extra_special_tokens": {"image_token": "[IMG]", "name": "end"}},
    {"additional_special_tokens": ["[IMG]"], "extra_special_tokens": ["covid19"], "model_specific_special_tokens": {"name": "end"}},
]
DECODER = {
    "500": {"content": "[IMG]", "lstrip": False, "rstrip": True, "normalized": False, "single_word": False, "special": True},
    "501": {"content": "covid19", "lstrip": False, "rstrip": False, "normalized": True, "single_word": True, "special": False},
}
ADDED = [
    {"added_tokens.json": {"New-token": 500, "covid19": 501}},
    {"added_tokens.json": {"covid19": 900, "New-Token": 800}, "special_tokens_map.json": {"pad_token": "New-Token"}},
    {"special_tokens_map.json": {"mask_token": {"content": "[IMG]", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}}},
    {"special_tokens_map.json": {"additional_special_tokens": ["[IMG]", "covid19"]}},
    {"special_tokens_map.json": {"additional_special_tokens": ["[IMG]"], "extra_special_tokens": {"name": "covid19"}}},
]


def cases():
    """Name and files of each folder. tokenizer.json is what the slow files come to with the class's defaults."""
    for name, slow in SLOW.items():
        base = {**slow, "config.json": DUAL}
        config = {"tokenizer_class": name, "model_max_length": 40}
        yield f"{name} slow", {**base, "tokenizer_config.json": config}
        for switches in SWITCHES.get(name, []) + COMMON:
            yield f"{name} slow {json.dumps(switches)}", {**base, "tokenizer_config.json": {**config, **switches}}
        for added in ADDED:
            yield f"{name} slow {json.dumps(added)}", {**base, "tokenizer_config.json": config, **added}
        decoder = {**config, "added_tokens_decoder": DECODER}
        yield f"{name} slow added_tokens_decoder", {**base, "tokenizer_config.json": decoder, **ADDED[1]}
    fast = {name: f"{name}.json" for name in (*SLOW, "GemmaTokenizer", "Siglip2Tokenizer", "none") if name != "SiglipTokenizer"}
    for name, blob in fast.items():
        base = {"config.json": DUAL}
        config = {"tokenizer_class": name, "model_max_length": 40} if name != "none" else {"model_max_length": 40}
        plain = {"$base": blob, "patch": {}}
        other = {"$base": blob, "patch": PATCH.get(name, PATCH["none"])}
        img = [{"id": 700, "content": "[IMG]", "single_word": False, "lstrip": True, "rstrip": False, "normalized": False, "special": False}]
        more = {"$base": blob, "patch": {"added_tokens": json.loads(content_of(blob))["added_tokens"] + img}}
        yield f"{name} fast", {**base, "tokenizer_config.json": config, "tokenizer.json": plain}
        yield f"{name} fast, other tokenizer.json", {**base, "tokenizer_config.json": config, "tokenizer.json": other}
        for switches in SWITCHES.get(name, []) + COMMON:
            yield f"{name} fast {json.dumps(switches)}", {**base, "tokenizer_config.json": {**config, **switches}, "tokenizer.json": plain}
        for added in ADDED:
            yield f"{name} fast {json.dumps(added)}", {**base, "tokenizer_config.json": config, "tokenizer.json": more, **added}
        decoder = {**config, "added_tokens_decoder": DECODER}
        yield f"{name} fast added_tokens_decoder", {**base, "tokenizer_config.json": decoder, "tokenizer.json": more, **ADDED[1]}
    # Which class a folder gets.
    for model_type, tokenizer_class, blob in (
        ("bert", None, "BertTokenizer"), ("bert", "PreTrainedTokenizerFast", "BertTokenizer"), ("ernie", None, "BertTokenizer"),
        ("nomic_bert", "BertTokenizer", "BertTokenizer"), ("electra", None, "BertTokenizer"), ("mobilebert", None, "BertTokenizer"),
        ("distilbert", None, "BertTokenizer"), ("distilbert", "DistilBertTokenizerFast", "BertTokenizer"),
        ("chinese_clip", None, "BertTokenizer"), ("vision-text-dual-encoder", None, "BertTokenizer"),
        ("vision-text-dual-encoder", "NomicBertTokenizer", "BertTokenizer"),
        ("modernbert", "RobertaTokenizer", "RobertaTokenizer"), ("modernbert", "PreTrainedTokenizerFast", "RobertaTokenizer"),
        ("data2vec-text", None, "RobertaTokenizer"), ("xlm-roberta-xl", "XLMRobertaTokenizer", "XLMRobertaTokenizer"),
        ("xlm-roberta-xl", None, "XLMRobertaTokenizer"), ("metaclip_2", None, "XLMRobertaTokenizer"),
        ("altclip", "XLMRobertaTokenizerFast", "XLMRobertaTokenizer"), ("clip", None, "CLIPTokenizer"),
        ("siglip", "GemmaTokenizer", "GemmaTokenizer"), ("siglip2", "GemmaTokenizerFast", "GemmaTokenizer"),
        ("siglip2", None, "GemmaTokenizer"), ("mpnet", None, "MPNetTokenizer"), ("rembert", None, "RemBertTokenizer"),
        ("deberta-v2", None, "DebertaV2Tokenizer"), ("deberta", None, "DebertaTokenizer"), ("albert", None, "AlbertTokenizer"),
    ):  # fmt: skip
        patch = {"$base": fast[blob], "patch": PATCH.get(blob, PATCH["none"])}
        config = {"tokenizer_class": tokenizer_class} if tokenizer_class else {}
        yield f"{model_type} with {tokenizer_class}", {"config.json": {"model_type": model_type}, "tokenizer_config.json": config, "tokenizer.json": patch}
    siglip = {"spiece.model": "t5.model", "config.json": {"model_type": "siglip"}}
    yield "siglip without a config", siglip
    both = {"tokenizer_config.json": {"tokenizer_class": "SiglipTokenizer"}, "tokenizer.json": {"$base": "T5Tokenizer.json", "patch": {}}}
    yield "siglip with a tokenizer.json", {**siglip, **both}
    for model_type in ("bert", "ernie", "electra"):
        yield f"{model_type} slow", {"config.json": {"model_type": model_type}, "vocab.txt": "bert.txt"}


BERT_OTHER = {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
NO_SPECIALS = {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": {}}  # fmt: skip
TRUNCATION = {"max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Left"}
PADDING = {"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": None, "pad_id": 1, "pad_type_id": 0, "pad_token": "a"}
# What tokenizer.json says against the class.
PATCH = {
    "none": {"normalizer": {"type": "Lowercase"}, "decoder": None, "post_processor": NO_SPECIALS, "padding": PADDING, "truncation": TRUNCATION},
    "BertTokenizer": {"normalizer": BERT_OTHER, "decoder": None, "padding": PADDING, "truncation": TRUNCATION},
    "MPNetTokenizer": {"normalizer": BERT_OTHER, "post_processor": NO_SPECIALS},
    "XLMRobertaTokenizer": {"normalizer": {"type": "NFC"}},
}


def fast_blobs():
    with tempfile.TemporaryDirectory() as temporary:
        for name, slow in SLOW.items():
            if name == "SiglipTokenizer":  # has no tokenizer.json
                continue
            folder = pathlib.Path(temporary, name)
            folder.mkdir()
            tokenizer = load({**slow, "config.json": DUAL, "tokenizer_config.json": {"tokenizer_class": name}}, folder)
            BLOBS[f"{name}.json"] = tokenizer.backend_tokenizer.to_str()
    vocab, merges = gemma_bpe()
    added = [
        {"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for i, token in enumerate(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"])
    ]
    eos = {"SpecialToken": {"id": "<eos>", "type_id": 0}}
    a, b = ({"Sequence": {"id": of, "type_id": 0}} for of in "AB")
    gemma = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
        "post_processor": {"type": "TemplateProcessing", "single": [a, eos], "pair": [a, eos, b, eos], "special_tokens": {"<eos>": {"id": "<eos>", "ids": [1], "tokens": ["<eos>"]}}},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False, "vocab": vocab, "merges": merges},
    }  # fmt: skip
    for name in ("GemmaTokenizer", "Siglip2Tokenizer"):
        BLOBS[f"{name}.json"] = json.dumps(gemma, ensure_ascii=False)
    BLOBS["none.json"] = BLOBS["BertTokenizer.json"]


LENGTHS = [(first, second, limit) for first in (1, 2, 3, 5, 8) for second in (0, 1, 2, 4, 5, 8, 9) for limit in range(1, 15)]


def longest(files):
    """How many tokens of either text `longest_first` keeps, by their lengths and the limit; -1 where transformers raises."""
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer = load(files, pathlib.Path(temporary))
        kept = []
        for first, second, limit in LENGTHS:
            try:
                ids = tokenizer("a " * first, "x " * second, truncation="longest_first", max_length=limit)["input_ids"]
                words = tokenizer.convert_ids_to_tokens(ids)
                kept.append([sum(word.strip("▁") == letter for word in words) for letter in "ax"])
            except BaseException:  # Rust's panics are no Exceptions
                kept.append([-1, -1])
        return kept


def offsets(name):
    """Where the tokens of each text stand, in UTF-16 units."""
    units = lambda text, point: len(text[:point].encode("utf-16-le")) // 2
    with tempfile.TemporaryDirectory() as temporary:
        files = {"tokenizer.json": f"{name}.json", "config.json": DUAL, "tokenizer_config.json": {"tokenizer_class": name}}
        tokenizer = load(files, pathlib.Path(temporary))
        rows = tokenizer(SINGLE, return_offsets_mapping=True)["offset_mapping"]
    return [[[units(text, point) for point in offset] for offset in row] for text, row in zip(SINGLE, rows)]


def result(tokenizer):
    rows = tokenizer(SINGLE)["input_ids"]
    pair = tokenizer(*PAIR, return_token_type_ids=True, return_special_tokens_mask=True)
    batch = None
    if tokenizer.pad_token is not None:
        batch = dict(tokenizer(SINGLE[:3], padding=True, truncation=True, max_length=7))
    return {
        "ids": rows,
        "pair": [pair["input_ids"], pair["token_type_ids"], pair["special_tokens_mask"]],
        "batch": batch,
        "decoded": [tokenizer.decode(row) for row in rows],
        "plain": [tokenizer.decode(row, skip_special_tokens=True) for row in rows],
        "names": list(tokenizer.model_input_names),
        "pad": tokenizer.pad_token,
        "sides": [tokenizer.padding_side, tokenizer.truncation_side],
    }


def main():
    fast_blobs()
    results, numbers = [], {}  # many folders come to the same: results are kept once
    with tempfile.TemporaryDirectory() as temporary:
        for i, (name, files) in enumerate(cases()):
            folder = pathlib.Path(temporary, str(i))
            folder.mkdir()
            try:
                made = json.dumps(result(load(files, folder)))
                numbers.setdefault(made, len(numbers))
                results.append({"name": name, "files": files, "result": numbers[made]})
            except BaseException as error:  # Rust's panics are no Exceptions
                print(f"left out, as Python fails: {name}: {type(error).__name__} {error}"[:200])
    dual = {"config.json": DUAL}
    pairs = {
        name: {"files": {**files, **dual}, "kept": longest({**files, **dual})}
        for name, files in (
            ("BertTokenizer", {"vocab.txt": "bert.txt", "tokenizer_config.json": {"tokenizer_class": "BertTokenizer"}}),
            ("SiglipTokenizer", {"spiece.model": "t5.model", "tokenizer_config.json": {"tokenizer_class": "SiglipTokenizer"}}),
        )
    }
    places = {name: offsets(name) for name in (*SLOW, "GemmaTokenizer", "Siglip2Tokenizer") if f"{name}.json" in BLOBS}
    versions = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
    data = {"versions": versions, "single": SINGLE, "pair": PAIR, "blobs": BLOBS, "lengths": LENGTHS, "longest": pairs, "offsets": places, "cases": results, "results": [json.loads(made) for made in numbers]}
    OUT.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")))
    print(len(results), "folders", OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
