"""Embeddings of every caption that training may draw, worked out once by the text tower."""

import numpy as np
import torch

import glyphs
from phrases import TEMPLATES, fill
from text_tower import embed

VARIANTS = 4
CHUNK = 256


@torch.no_grad()
def embed_all(model, tokenizer, texts):
    """(N, WIDTH) unit embeddings; texts of like length share a batch."""
    order = np.argsort([len(t) for t in texts], kind="stable")
    out = None
    for at in range(0, len(order), CHUNK):
        some = order[at : at + CHUNK]
        vectors = embed(model, tokenizer, [texts[i] for i in some])
        out = vectors.new_empty(len(texts), vectors.shape[1]) if out is None else out
        out[torch.from_numpy(some)] = vectors
    return out


class Bank:
    """Embedded captions of things with names: `draw` gives one random caption of each thing."""

    def __init__(self, names, model, tokenizer, rng):
        texts, self.starts, self.counts = [], [], []
        for words in names:
            self.starts.append(len(texts))
            plain = words[0]
            for i in range(VARIANTS):
                word = plain if i < VARIANTS / 2 else words[rng.integers(len(words))]
                texts.append(word if i % 2 == 0 else fill(TEMPLATES[rng.integers(len(TEMPLATES))], word))
            self.counts.append(len(texts) - self.starts[-1])
        self.vectors = embed_all(model, tokenizer, texts)
        self.starts, self.counts = np.array(self.starts), np.array(self.counts)

    def draw(self, rng):
        """(things, WIDTH): one caption of each thing."""
        return self.vectors[self.starts + rng.integers(self.counts)]


def glyph_names(codepoints):
    """The names to say of each code point."""
    return [glyphs.all_names(c) for c in codepoints]
