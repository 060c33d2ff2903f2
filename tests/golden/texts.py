"""The texts of make_golden.py, a small tokenizer of CLIP's form, and what Hugging Face makes of both."""

import collections
import json

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizerFast

CONTEXT = 77
CORPUS = """a photo of a cat. a photo of a dog. the cat sat on the mat and the dog ate the cake. a red car, a blue
bicycle, a green apple; three birds over the river in the evening light. we're sure it's a picture of what they've
seen: people, houses, trees, streets, food, animals, mountains and the sea. a drawing of a horse, a close-up of a
flower, a black and white portrait of an old man. i'll say that the weather isn't bad today, i'd say it's good."""

TEXTS = [
    "",
    " ",
    "a photo of a cat",
    "A Photo Of A CAT.",
    "  runs   of \t spaces \n\n and lines  ",
    "no-break\u00a0space, thin\u2009space, ideographic\u3000space, zero\u200bwidth, line\u2028separator",
    "it's we're they've I'm you'll he'd don't IT'S WE'RE 'tis rock'n'roll 's' ''s",
    "typographic isn\u2019t the same",
    "emoji: \U0001f600 \U0001f44d\U0001f3fd \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f flags \U0001f1e9\U0001f1ea",
    "\u732b\u306e\u5199\u771f \u72d7 \uace0\uc591\uc774 \u0e41\u0e21\u0e27 \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd \u0928\u092e\u0938\u094d\u0924\u0947",
    "composed caf\u00e9, combining cafe\u0301, stacked o\u0302\u0323 \u1ed9, \u212b \u00c5 A\u030a, \u0345",
    "\u0130stanbul \u0131 \u1e9e \u00df \u03a3\u03b1\u03c2 \u01c5 \u2126 \ufb01",
    "numbers 1234 \u0663\u0664 \u00bd \u2163 1,000.50 x86-64 3d",
    "<b>bold</b> &amp; <a href=\"x.html\">link</a> <!-- note --> &lt;br/&gt;",
    "the token <|endoftext|> inside, <|startoftext|>too, <|ENDOFTEXT|> not <| endoftext |>",
    "<|endoftext|>",
    "a<|endoftext|>b<|endoftext|><|endoftext|> c",
    "punctuation!!! ... ??? -- __init__ @user #tag $5 100% (a) [b] {c} \\ / | ~ ^ * + = `",
    "\x00\x01\x7f\x80\x9f control",
    "\ufffd\ufeff\U0010ffff\ue000 odd",
    "cat" * 40,
    "a photo of a very long text " * 20,
    " ".join("word%d" % i for i in range(75)),
    "cat " * 74,
    "cat " * 75,
    "cat " * 76,
    "!" * 300,
    "\U0001f600" * 60,
]


def small_tokenizer(merge_count=500):
    """A tokenizer.json of CLIP's form: 256 bytes, the same at a word's end, merges, the two special tokens."""
    alphabet = sorted(ByteLevel.alphabet())
    words = collections.Counter()
    for word in CORPUS.replace(",", " ,").replace(".", " .").split():
        symbols = [*word]
        symbols[-1] += "</w>"
        words[tuple(symbols)] += 1
    merges = []
    while len(merges) < merge_count:
        pairs = collections.Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        merged = collections.Counter()
        for word, count in words.items():
            out, i = [], 0
            while i < len(word):
                step = 2 if word[i : i + 2] == best else 1
                out.append("".join(word[i : i + step]))
                i += step
            merged[tuple(out)] += count
        words = merged
    tokens = [*alphabet, *(c + "</w>" for c in alphabet), *dict.fromkeys(map("".join, merges))]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {token: id for id, token in enumerate(tokens)}
    return CLIPTokenizerFast(vocab=vocab, merges=merges)


def ids(tokenizer, texts):
    return tokenizer(texts, truncation=True, max_length=CONTEXT)["input_ids"]


def characters():
    """Every character of the scripts in common use, and some of all others."""
    return [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and (c < 0x3000 or c % 61 == 0)]


def hashes(tokenizer):
    """FNV-1a over the ids of a text around each of `characters()`, by blocks of 0x1000: [block, hash]."""
    chosen = characters()
    blocks = {}
    for c, row in zip(chosen, ids(tokenizer, [f"a{chr(c)}b1{chr(c)}{chr(c)} '{chr(c)}s" for c in chosen])):
        value = blocks.get(c >> 12, 0xCBF29CE484222325)
        for id in row:
            value = (value ^ id) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
        blocks[c >> 12] = value
    return [[block, f"{value:016x}"] for block, value in blocks.items()]


def write(here, snapshot):
    small = small_tokenizer()
    content = json.loads(small.backend_tokenizer.to_str())
    # Set as some published files have it; a reader must go by the model's context, unpadded.
    content["truncation"] = {"direction": "Right", "max_length": 9, "strategy": "LongestFirst", "stride": 0}
    content["padding"] = {
        "strategy": {"Fixed": 12}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
        "pad_token": "!",
    }
    (here / "tokenizer.json").write_text(json.dumps(content, separators=(",", ":"), ensure_ascii=True) + "\n")
    path = here / "texts.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    result = {"texts": TEXTS, "small": {"ids": ids(small, TEXTS), "characters": hashes(small)}}
    if snapshot:
        full = CLIPTokenizerFast.from_pretrained(snapshot)
        result["full"] = {"ids": ids(full, TEXTS), "characters": hashes(full)}
    elif kept.get("texts") == TEXTS:
        result["full"] = kept["full"]
    else:
        raise SystemExit("the texts have changed: name the snapshot whose tokenizer.json gives the full ids")
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in result.items())
    path.write_text("{\n" + lines.replace("], [", "],\n[") + "\n}\n")
