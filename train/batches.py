"""A training batch: photos, drawings and glyphs, a bank of captions, and what is true of what."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import drawings
from captions import TRUE, UNKNOWN, Concepts
from data import SIZE, augment, load_photos, normalise, to_tensor
from glyphs import Glyphs, say

SOURCES = ("cifar10", "tiny-imagenet-200")
SHARES = {"cifar10": 66, "tiny-imagenet-200": 148, "drawn": 36, "glyphs": 70}
EXTRA = {"drawn": 40, "glyphs": 48}
DRAWN = 24000


class Batches:
    """Draws batches of `size` pictures for ever.

    `batch(pixels)` is a dictionary: `images` (N, 3, pixels, pixels), normalised; `captions`,
    M texts; `truth` (N, M) int8; `positive` (N,) the column of each picture's own caption;
    `rows`, the slice of each kind of picture; `labels`, the class within its source of
    each photo; `leaves`, the columns of each photo source's classes.
    """

    def __init__(self, data, work, size=320, seed=0):
        work = Path(work)
        self.rng, self.torch_rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        self.photos = [load_photos(f"{data}/{s}-train.zip", work / "cache") for s in SOURCES]
        self.concepts = Concepts(f"{data}/tiny-imagenet-200-classes.json", self.photos[1].folders)
        if self.photos[0].folders != self.concepts.cifar:
            raise ValueError("superclasses.json must list the CIFAR-10 folders in their order")
        self.glyphs = Glyphs(work / "cache")
        self.drawn, self.drawn_values = _drawn(work / "cache" / "drawn.npz")
        total = sum(SHARES.values())
        self.counts = {k: v * size // total for k, v in SHARES.items()}
        self.counts["tiny-imagenet-200"] += size - sum(self.counts.values())
        self.orders = [np.zeros(0, np.int64) for _ in SOURCES]
        self._overlaps()

    def _overlaps(self):
        """Which glyphs and photo concepts share a word, and so may be true of each other."""
        words = [set(" ".join(names).lower().split()) for names in self.concepts.names]
        small = {"of", "with", "and", "a", "face", "in", "on"}
        self.shared = np.array([[bool(((set(" ".join(names).split())) - small) & w) for w in words]
                                for names in self.glyphs.names])

    def _pick(self, source, count):
        if len(self.orders[source]) < count:
            self.orders[source] = self.rng.permutation(len(self.photos[source]))
        pick, self.orders[source] = np.split(self.orders[source], [count])
        return np.sort(pick)

    def batch(self, pixels, min_area=0.6):
        """The next batch, with pictures of the given side."""
        images, labels, rows, at = [], [], {}, 0
        for i, source in enumerate(SOURCES):
            pick = self._pick(i, self.counts[source])
            images.append(to_tensor(self.photos[i].pixels[pick]))
            labels.append(self.photos[i].labels[pick])
            rows[source] = slice(at, at + len(pick))
            at += len(pick)
        photos = torch.cat(images)
        n_drawn, n_glyphs = self.counts["drawn"], self.counts["glyphs"]
        rows["drawn"], rows["glyphs"] = slice(at, at + n_drawn), slice(at + n_drawn, at + n_drawn + n_glyphs)

        of = self.rng.integers(len(self.drawn), size=n_drawn)
        drawn = to_tensor(self.drawn[of])
        if pixels != SIZE:
            drawn = F.interpolate(drawn, size=(pixels, pixels), mode="bilinear", antialias=True)
        glyphs, points = self.glyphs.batch(n_glyphs, photos[-n_glyphs:], self.rng, self.torch_rng, pixels)
        photos = augment(photos, self.torch_rng, size=pixels, min_area=min_area, colour=0.2, cutout=0.1)
        images = normalise(torch.cat([photos, drawn, glyphs]))
        return {"images": images, "rows": rows, "labels": [torch.from_numpy(n) for n in labels],
                **self._captions(rows, labels, self.drawn_values[of], points)}

    def _captions(self, rows, labels, values, points):
        rng, concepts = self.rng, self.concepts
        total = rows["glyphs"].stop
        coarse = len(concepts.cifar)
        texts = [concepts.caption(c, rng) for c in range(len(concepts.names))]
        photo = np.concatenate([labels[0], labels[1] + coarse])

        pool = np.concatenate([values, self.drawn_values[rng.integers(len(self.drawn_values), size=EXTRA["drawn"])]])
        told = [drawings.caption(v, rng) for v in pool]
        first_drawn = len(texts)
        texts += [text for text, _ in told]
        others = rng.choice(self.glyphs.known, EXTRA["glyphs"], replace=False)
        said = np.unique(np.concatenate([points, others]))
        first_glyph = len(texts)
        texts += [say(names[0] if rng.random() < 0.6 else names[rng.integers(len(names))], rng)
                  for names in (self.glyphs.names[p] for p in said)]

        truth = np.zeros((total, len(texts)), np.int8)
        truth[: len(photo), :first_drawn] = concepts.truth[photo]
        truth[rows["drawn"], first_drawn:first_glyph] = drawings.truth(values, np.stack([m for _, m in told]))
        same = points[:, None] == said[None]
        truth[rows["glyphs"], first_glyph:] = np.where(same, TRUE, 0)
        truth[rows["glyphs"], :first_drawn][self.shared[points]] = UNKNOWN
        may_be = (concepts.truth[photo] == TRUE).astype(np.int32) @ self.shared[said].T.astype(np.int32) > 0
        truth[: len(photo), first_glyph:][may_be] = UNKNOWN

        cifar = np.array(concepts.cifar_concepts)
        positive = np.concatenate([cifar[labels[0]], labels[1], first_drawn + np.arange(len(values)),
                                   first_glyph + same.argmax(1)])
        leaves = [torch.from_numpy(cifar), torch.arange(len(concepts.folders))]
        return {"captions": texts, "truth": torch.from_numpy(truth), "positive": torch.from_numpy(positive),
                "leaves": leaves}

    def corpus(self, count):
        """Captions of every kind, for the vocabulary."""
        for _ in range(count):
            for concept, names in enumerate(self.concepts.names):
                yield from names
                yield self.concepts.caption(concept, self.rng)
            for v in self.drawn_values[self.rng.integers(len(self.drawn_values), size=200)]:
                yield drawings.caption(v, self.rng)[0]
            for names in self.glyphs.names:
                yield from (say(name, self.rng) for name in names)


def _drawn(path):
    """The drawn pictures and their attributes, made once."""
    if not path.exists():
        rng = np.random.default_rng(11)
        values = np.stack([drawings.sample(rng) for _ in range(DRAWN)])
        pixels = np.stack([drawings.draw(v, rng) for v in values])
        np.savez(path, pixels=pixels, values=values)
    stored = np.load(path)
    return stored["pixels"], stored["values"]
