"""Zero-shot figures on the cached features of the evaluation sets, and calibration."""

import json

import numpy as np
import torch
import torch.nn.functional as F

from captions import embed_all
from features import load

SETS = ("photos-val", "everyday", "other-words", "caltech101-val", "cifar10-val", "tiny-imagenet-200-val", "drawn", "sheets", "emoji")


class Measure:
    """The evaluation sets with their labels placed by a text tower."""

    def __init__(self, work, model, tokenizer):
        self.sets = {}
        for name in SETS:
            stored = load(work, name)
            names = json.loads((work / "sets" / f"{name}-names.json").read_text())
            templates = (work / "sets" / f"{name}-templates.txt").read_text().split("\n")[:-1]
            labels = sum(embed_all(model, tokenizer, [t.replace("{}", names[f]) for f in stored["folders"]]) for t in templates)
            self.sets[name] = (torch.from_numpy(stored["features"].astype(np.float32)), torch.from_numpy(stored["labels"]),
                               F.normalize(labels, dim=1))

    @torch.no_grad()
    def cosines(self, head):
        """{set: (cosines (images, labels), truth)}."""
        return {n: (F.normalize(head(f), dim=1) @ labels.T, y) for n, (f, y, labels) in self.sets.items()}

    def line(self, head):
        """Top-1 of every set in a line."""
        return " ".join(f"{n.split('-')[0]} {(c.argmax(1) == y).float().mean():.3f}" for n, (c, y) in self.cosines(head).items())

    def calibrate(self, head):
        """(logit scale, no-match cosine) that fit the photo sets.

        The scale has the least mean cross entropy over the photo sets. The threshold is the largest that leaves
        93 of 100 right answers above it: answers among the right label and nine wrong ones, and the mean over sets.
        """
        cosines = self.cosines(head)
        photos = [cosines[n] for n in SETS if n not in ("drawn", "sheets", "emoji")]
        scales = np.geomspace(5, 100, 80)
        losses = [np.mean([F.cross_entropy(float(s) * c, y).item() for c, y in photos]) for s in scales]
        generator = torch.Generator().manual_seed(0)
        sets = []
        for c, y in (cosines[n] for n in ("everyday", "caltech101-val", "photos-val")):
            right = c.gather(1, y[:, None])[:, 0]
            others = torch.rand(c.shape, generator=generator).scatter(1, y[:, None], -1).topk(9, 1).indices
            wrong = c.gather(1, others).amax(1)
            sets.append((right[right > wrong], wrong))

        def above(t):
            return np.mean([(right >= t).float().mean().item() for right, _ in sets])

        cut = max(t for t in np.linspace(0, 0.9, 181) if above(t) >= 0.93)
        refused = np.mean([(wrong < cut).float().mean().item() for _, wrong in sets])
        print(f"logit scale {scales[int(np.argmin(losses))]:.1f}, no-match cosine {cut:.3f}: {above(cut):.3f} of right answers above, "
              f"{refused:.3f} of wrong ones below")
        return float(scales[int(np.argmin(losses))]), float(cut)
