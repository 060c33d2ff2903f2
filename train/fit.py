"""Trains the head on cached features against the captions that the text tower has placed."""

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import drawings
from captions import Bank, embed_all, glyph_names
from concepts import CIFAR10, Concepts
from export import export
from features import load
from head import Head, class_texts
from losses import contrastive
from measure import Measure
from targets import WIDTH
from text_tower import build

COUNTS = {"tiny": 192, "cifar": 64, "classes": 192, "drawn": 96, "glyphs": 160}
RATE, SCALE = 2e-3, 30.0


def load_text(work):
    """The distilled text tower and its tokenizer."""
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    model = build(tokenizer, torch.zeros(tokenizer.get_vocab_size(), WIDTH))
    model.load_state_dict(torch.load(work / "text.pt", weights_only=True))
    return model.eval(), tokenizer


class Data:
    """Cached features with what is true of each image, and the captions' embeddings."""

    def __init__(self, work, model, tokenizer, rng):
        self.rng = rng
        concepts = Concepts()
        plain = embed_all(model, tokenizer, [w[0] for w in concepts.words]).numpy()
        concepts.forgive(plain)
        self.truth = torch.from_numpy(concepts.truth)
        self.words = Bank(concepts.words, model, tokenizer, rng)
        self.alike = torch.from_numpy(np.exp(12 * (plain[:1000] @ plain[:1000].T - 1)) * (1 - np.eye(1000, dtype=np.float32)))

        tiny, cifar = load(work, "tiny-imagenet-200-train"), load(work, "cifar10-train")
        index = {f: i for i, f in enumerate(_folders())}
        self.sets = {"tiny": (tiny["features"], np.array([index[f] for f in tiny["folders"]])[tiny["labels"]]),
                     "cifar": (cifar["features"], 1000 + np.array([list(CIFAR10).index(f) for f in cifar["folders"]])[cifar["labels"]])}
        drawn, glyphs = load(work, "drawn-train"), load(work, "glyphs-train")
        self.sets |= {"drawn": (drawn["features"], drawn["values"]), "glyphs": (glyphs["features"], glyphs["points"])}
        self.sets = {k: (torch.from_numpy(f.astype(np.float32)), y) for k, (f, y) in self.sets.items()}
        texts, masks = drawings.captions()
        self.drawn_words, self.drawn_truth = embed_all(model, tokenizer, texts), drawings.truth(drawn["values"], masks)
        self.glyph_bank = Bank(glyph_names(glyphs["codepoints"].tolist()), model, tokenizer, rng)
        every = torch.cat([f for f, _ in self.sets.values()])
        self.mean, self.deviation = every.mean(0), every.std(0) + 0.02

    def pick(self, name):
        """Random rows of a set: (features, their index, their labels)."""
        features, labels = self.sets[name]
        rows = self.rng.integers(len(features), size=COUNTS[name])
        return features[torch.from_numpy(rows)], rows, labels[rows]

    def classes(self):
        """Probabilities as the classifier gives them for photos of all thousand classes: (N, 1000), labels."""
        labels = torch.from_numpy(self.rng.integers(1000, size=COUNTS["classes"]))
        sure = torch.from_numpy(self.rng.beta(3, 1, size=(len(labels), 1))).float()
        rest = self.alike[labels] * torch.rand(len(labels), 1000) ** 4
        rest = rest / rest.sum(1, keepdim=True)
        return (1 - sure) * rest + sure * F.one_hot(labels, 1000), labels


def _folders():
    import imagenet

    return imagenet.folders()


def step_loss(head, data, scale):
    """One batch of every kind: the summed losses."""
    losses = []

    def normal(x):
        return F.normalize(x, dim=1)

    words = data.words.draw(data.rng)
    for name in ("tiny", "cifar", "classes"):
        if name == "classes":
            probabilities, labels = data.classes()
            embeddings = probabilities @ head.projection
        else:
            features, _, labels = data.pick(name)
            embeddings, labels = head(features), torch.from_numpy(labels)
        own, other = contrastive(scale * normal(embeddings) @ words.T, data.truth[labels], labels)
        losses.append((1.0 if name != "cifar" else 0.5) * (own + 0.5 * other))

    features, rows, values = data.pick("drawn")
    truth = torch.from_numpy(data.drawn_truth[rows].astype(np.int8))
    plain = values[:, drawings.COLOR] * len(drawings.SHAPES) + values[:, drawings.SHAPE]
    several = torch.from_numpy(values[:, drawings.COUNT] > 0)
    truth[several, torch.from_numpy(plain)[several]] = 1
    own, other = contrastive(scale * normal(head(features)) @ data.drawn_words.T, truth, torch.from_numpy(plain))
    losses.append(0.7 * own + 0.3 * other)

    features, _, points = data.pick("glyphs")
    logits = scale * normal(head(features)) @ data.glyph_bank.draw(data.rng).T
    losses.append(0.7 * F.cross_entropy(logits, torch.from_numpy(points)))
    return losses


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, tokenizer = load_text(args.work)
    data = Data(args.work, model, tokenizer, np.random.default_rng(0))
    texts = class_texts()
    flat = embed_all(model, tokenizer, [t for c in texts for t in c])
    owner = torch.tensor([i for i, c in enumerate(texts) for _ in c])
    prototypes = F.normalize(torch.zeros(1000, WIDTH).index_add_(0, owner, flat), dim=1)
    head = Head(prototypes, data.mean, data.deviation)
    measure = Measure(args.work, model, tokenizer)
    print("start", measure.line(head), flush=True)
    optimizer = torch.optim.AdamW([{"params": [head.projection], "lr": RATE * 0.3, "weight_decay": 0},
                                   {"params": [*head.fc1.parameters(), *head.fc2.parameters()], "lr": RATE, "weight_decay": 0.05}])
    rates = [g["lr"] for g in optimizer.param_groups]
    begun = time.time()
    for step in range(args.steps):
        for group, rate in zip(optimizer.param_groups, rates):
            group["lr"] = rate * min(1, (step + 1) / 50, (args.steps - step) / (0.8 * args.steps))
        head.train()
        losses = step_loss(head, data, SCALE)
        pull = ((head.projection - prototypes) ** 2).sum(1).mean()
        optimizer.zero_grad()
        (sum(losses) + pull).backward()
        optimizer.step()
        if step % 250 == 249:
            head.eval()
            print(f"step {step + 1}, {time.time() - begun:.0f} s, losses", " ".join(f"{x.item():.2f}" for x in losses),
                  f"{pull.item():.3f}", measure.line(head), flush=True)
    torch.save(head.state_dict(), args.work / "head.pt")
    head.eval()
    export(model, head, args.work / "tokenizer.json", args.work / "snapshot", *measure.calibrate(head))


if __name__ == "__main__":
    main()
