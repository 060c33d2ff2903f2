"""Trains the head on cached features against the captions that the text tower has placed."""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import drawings
import imagenet
import prototypes
import sheets
from backbone import EARLY, load_backbone
from captions import Bank, embed_all, glyph_names
from concepts import CIFAR10, Concepts
from export import export
from features import load
from head import TEMPERATURE, Head
from losses import contrastive
from measure import Measure
from targets import WIDTH
from synthetic import SyntheticPhotos
from text_tower import build
from workers import run_workers

# Images of each kind in a batch.
COUNTS = {"tiny": 64, "cifar": 128, "synthetic": 96, "drawn": 240, "sheets": 48, "glyphs": 192}
SYNTHETIC = 24
# Share of the trained network in the finished head. Its answer is some fifty times longer for drawings than for
# ordinary photos, so that a small share rules the former and leaves the latter to the classes.
SHARE = 0.16
RATE, SCALE, QUIET = 1.3e-3, 45.0, 4.0
# The finished head is the mean of those after the last rounds.
AVERAGED = 3


def load_text(work):
    """The distilled text tower and its tokenizer."""
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    model = build(tokenizer, torch.zeros(tokenizer.get_vocab_size(), WIDTH))
    model.load_state_dict(torch.load(work / "text.pt", weights_only=True))
    return model.eval(), tokenizer


class Data:
    """Features of every kind of image with what is true of each, and the captions' embeddings."""

    def __init__(self, work, model, tokenizer, rng):
        self.rng = rng
        concepts = Concepts()
        concepts.forgive(embed_all(model, tokenizer, [w[0] for w in concepts.words]).numpy())
        self.truth = torch.from_numpy(concepts.truth)
        self.words = Bank(concepts.words, model, tokenizer, rng)
        tiny, cifar = load(work, "tiny-imagenet-200-train"), load(work, "cifar10-train")
        drawn, plain, glyphs = (load(work, f"{n}-train") for n in ("drawn", "sheets", "glyphs"))
        tiny_classes = np.array([imagenet.folders().index(f) for f in tiny["folders"]])
        cifar_classes = np.array([1000 + list(CIFAR10).index(f) for f in cifar["folders"]])
        labels = {"tiny": tiny_classes[tiny["labels"]], "cifar": cifar_classes[cifar["labels"]],
                  "drawn": drawn["values"], "sheets": plain["colors"], "glyphs": glyphs["points"],
                  "synthetic": np.arange(1000).repeat(SYNTHETIC)}
        features = {k: torch.from_numpy(v["features"].astype(np.float32))
                    for k, v in (("tiny", tiny), ("cifar", cifar), ("drawn", drawn), ("sheets", plain), ("glyphs", glyphs))}
        synthetic = SyntheticPhotos(features["tiny"], torch.from_numpy(labels["tiny"]))
        features["synthetic"] = synthetic.draw(torch.from_numpy(labels["synthetic"]), rng)
        classifier = load_backbone()._fc
        with torch.no_grad():
            self.sets = {k: (f, classifier(f[:, EARLY:]).div(TEMPERATURE).softmax(1), labels[k]) for k, f in features.items()}
        texts, masks = drawings.captions()
        self.drawn_words, self.drawn_truth = embed_all(model, tokenizer, texts), drawings.truth(drawn["values"], masks)
        self.sheet_words = Bank(sheets.captions(), model, tokenizer, rng)
        self.glyph_words = Bank(glyph_names(glyphs["codepoints"].tolist()), model, tokenizer, rng)
        every = torch.cat(list(features.values()))
        self.mean, self.deviation = every.mean(0), every.std(0) + 0.02

    def pick(self, name):
        """Random images of a set: (features, probabilities, their index, their labels)."""
        features, probabilities, labels = self.sets[name]
        rows = self.rng.integers(len(features), size=COUNTS[name])
        return features[torch.from_numpy(rows)], probabilities[torch.from_numpy(rows)], rows, labels[rows]


def step_losses(head, data):
    """One batch of every kind: its losses by name."""
    losses = {}

    def embed(features, probabilities):
        return SCALE * F.normalize(head(features, probabilities), dim=1)

    words = data.words.draw(data.rng)
    for name, weight in (("tiny", 0.7), ("cifar", 0.5), ("synthetic", 1.0)):
        *inputs, _, labels = data.pick(name)
        labels = torch.from_numpy(labels)
        own, other = contrastive(embed(*inputs) @ words.T, data.truth[labels], labels)
        losses[name] = weight * (own + 0.5 * other)

    # Photos of what is like two classes and neither: there the network must not shout the classes down.
    (one, *_), (two, *_) = data.pick("synthetic"), data.pick("synthetic")
    losses["quiet"] = QUIET * (head.network((one + two) / 2) ** 2).sum(1).mean()

    *inputs, rows, values = data.pick("drawn")
    truth = torch.from_numpy(data.drawn_truth[rows].astype(np.int8))
    plain = torch.from_numpy(values[:, drawings.COLOR] * len(drawings.SHAPES) + values[:, drawings.SHAPE])
    truth[torch.arange(len(rows)), plain] = 1
    own, other = contrastive(embed(*inputs) @ data.drawn_words.T, truth, plain)
    losses["drawn"] = own + 0.3 * other

    # A sheet shows its color, and neither another, nor a shape, nor a thing.
    *inputs, _, colors = data.pick("sheets")
    shapes = data.drawn_words[: len(drawings.COLORS) * len(drawings.SHAPES)]
    texts = torch.cat([data.sheet_words.draw(data.rng), shapes, words])
    losses["sheets"] = 0.5 * F.cross_entropy(embed(*inputs) @ texts.T, torch.from_numpy(colors))

    *inputs, _, points = data.pick("glyphs")
    losses["glyphs"] = F.cross_entropy(embed(*inputs) @ data.glyph_words.draw(data.rng).T, torch.from_numpy(points))
    return losses


def train(rank, head, data, measure, steps):
    """One of two workers that step the same head, each at its own pace; the one of even rank reports."""
    torch.set_num_threads(1)
    torch.manual_seed(rank)
    data.rng = np.random.default_rng(rank)
    optimizer = torch.optim.AdamW([*head.fc1.parameters(), *head.fc2.parameters()], lr=RATE, weight_decay=0.05)
    begun = time.time()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 30, (steps - step) / (0.8 * steps))
        head.train()
        losses = step_losses(head, data)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        if rank % 2 == 0 and step % 50 == 49:
            head.eval()
            print(f"step {step + 1}, {time.time() - begun:.0f} s, losses", " ".join(f"{k} {x.item():.2f}" for k, x in losses.items()),
                  measure.line(head), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=900, help="of each worker in a round")
    parser.add_argument("--rounds", type=int, default=5, help="in each the rate of learning rises and falls")
    parser.add_argument("--resume", action="store_true", help="go on from WORK/head.pt")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = load_text(args.work)
    measure = Measure(args.work, model, tokenizer)
    data = Data(args.work, model, tokenizer, np.random.default_rng(0))
    vectors = prototypes.refine(prototypes.from_names(model, tokenizer), data.words, data.truth, data.rng)
    head = Head(vectors, data.mean, data.deviation).share_memory()
    if args.resume:
        head.load_state_dict(torch.load(args.work / "head.pt", weights_only=True))
    print("start", measure.line(head.eval()), flush=True)
    heads = []
    for number in range(args.rounds):
        run_workers(train, [(2 * number + i, head, data, measure, args.steps) for i in range(2)])
        heads.append({k: v.clone() for k, v in head.state_dict().items()})
    last = heads[-AVERAGED:]
    head.load_state_dict({k: sum(h[k] for h in last) / len(last) for k in last[0]})
    torch.save(head.state_dict(), args.work / "head.pt")
    finish(head.eval(), model, measure, args.work)


def finish(head, model, measure, work):
    """Takes the network's share and writes the calibrated snapshot."""
    with torch.no_grad():
        head.fc2.weight.mul_(SHARE), head.fc2.bias.mul_(SHARE)
    print("end", measure.line(head), flush=True)
    count = export(model, head, load_backbone(work / "backbone.pt"), work / "tokenizer.json", work / "cliplet-everyday", *measure.calibrate(head))
    print(f"{count} parameters in {work / 'cliplet-everyday'}")


if __name__ == "__main__":
    main()
