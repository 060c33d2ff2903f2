"""A small byte-level BPE vocabulary in the form of CLIP's own `tokenizer.json`.

Every byte is an entry, at the end of a word and inside it, so that any text can be
encoded and nothing is ever unknown.
"""

import json

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

CONTEXT = 32
START, END = "<|startoftext|>", "<|endoftext|>"
WORDS = (r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")


def _pipeline(model):
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True),
         pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return tokenizer


def build(captions, entries):
    """Trains on an iterable of captions: a `Tokenizer` of about `entries` entries."""
    scratch = _pipeline(models.BPE(unk_token=END, end_of_word_suffix="</w>"))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=entries - 258, initial_alphabet=alphabet, min_frequency=3,
                                  end_of_word_suffix="</w>", show_progress=False)
    scratch.train_from_iterator(captions, trainer)
    merges = [tuple(m) for m in json.loads(scratch.to_str())["model"]["merges"]]
    pieces = alphabet + [a + "</w>" for a in alphabet]
    pieces += [p for p in dict.fromkeys(a + b for a, b in merges) if p not in set(pieces)]
    return _finished(pieces, merges)


def _finished(pieces, merges):
    """The tokenizer of a list of entries, the start and end token after them."""
    vocabulary = {piece: i for i, piece in enumerate([*pieces, START, END])}
    tokenizer = _pipeline(models.BPE(vocabulary, merges, unk_token=END, continuing_subword_prefix="",
                                     end_of_word_suffix="</w>"))
    tokenizer.add_special_tokens([START, END])
    tokenizer.post_processor = processors.RobertaProcessing(
        (END, vocabulary[END]), (START, vocabulary[START]), trim_offsets=False, add_prefix_space=False)
    return tokenizer


def with_words(tokenizer, words, limit):
    """A tokenizer with at most `limit` more entries, by which more of the words are one entry.

    The new merges come after all others, so that other words are split as before. A word takes an
    entry for each of its pieces but the first.
    """
    model = json.loads(tokenizer.to_str())["model"]
    pieces = sorted((p for p in model["vocab"] if p not in (START, END)), key=model["vocab"].get)
    merges, known, end = [tuple(m) for m in model["merges"]], set(pieces), len(pieces) + limit
    for word in words:
        whole, *rest = tokenizer.encode(word).tokens[1:-1]
        if not rest or len(rest) > 3 or len(pieces) + len(rest) > end:
            continue
        for piece in rest:
            merges.append((whole, piece))
            whole += piece
            if whole not in known:
                pieces.append(whole)
                known.add(whole)
    return _finished(pieces, merges)


def encode(tokenizer, captions):
    """Ids padded with the end token to the longest: (ids (N, T) int64, place of the end token (N,))."""
    rows = [e.ids for e in tokenizer.encode_batch(captions)]
    rows = [r if len(r) <= CONTEXT else r[: CONTEXT - 1] + r[-1:] for r in rows]
    width = max(map(len, rows))
    ids = np.full((len(rows), width), rows[0][-1], np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
    return ids, np.array([len(r) - 1 for r in rows])
