"""Trains the small CLIP. Resumable: run it again with the same --work and more --hours.

The rate is warmed up, held, and in the last part of the hours brought down to nothing.
The state before that descent is kept (`stable.pt`), so that a later run with more hours
goes on from there as if it had never come down.

Each worker is a thread with one core and a copy of the model, which works out the
gradient of its own batch and steps the shared weights when it is done. Nobody waits
for anybody, so a core that other programs want half of still gives its other half.
"""

import argparse
import copy
import json
import os
import threading
import time
import traceback
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from tokenizers import Tokenizer

from batches import SOURCES, Batches
from captions import fill
from data import DEVICE, SIZE, load_photos, normalise, to_tensor
from losses import contrastive, distil, guide
from model import TEXT, VISION, Clip
from optim import Adam, Muon
from plot import plot
from teacher import SIDE, load_teacher
from vocabulary import build, encode

MUON_RATE, ADAM_RATE = 0.02, 2e-3
MIDDLE = 3  # the block after which patch tokens are compared with the teacher's features


class Run:
    """The model, its optimisers and average, and how far they are."""

    def __init__(self, entries, guided):
        self.clip = Clip(entries).to(DEVICE, torch.bfloat16)
        self.clip.scale.data = self.clip.scale.data.float()
        self.bridge = nn.Linear(VISION["width"], guided).to(DEVICE, torch.bfloat16)
        hidden, facing, others = [], [], []
        for name, p in self.clip.named_parameters():
            matrix = p.ndim == 2 and "position" not in name and "tokens" not in name
            (facing if "qk.weight" in name and "vision" in name else hidden if matrix else others).append(p)
        self.muon = Muon([{"params": hidden, "share": 1.0}, {"params": facing, "share": 0.3}], weight_decay=0.05)
        self.adam = Adam([{"params": others + list(self.bridge.parameters()), "share": 1.0}])
        self.parameters = dict(self.clip.named_parameters())
        self.average = {k: p.detach().float().clone() for k, p in self.parameters.items()}
        self.step, self.seconds, self.log = 0, 0.0, []
        self.lock = threading.Lock()

    def update(self, gradients, rate):
        """Steps both optimisers at `rate` times their full rates."""
        for p, gradient in zip(self.trained(), gradients):
            p.grad = gradient
        for optimiser, full in ((self.muon, MUON_RATE), (self.adam, ADAM_RATE)):
            for group in optimiser.param_groups:
                group["lr"] = full * group["share"] * rate
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.step += 1
        decay = min(0.998, (1 + self.step) / (30 + self.step))
        with torch.no_grad():
            self.clip.scale.clamp_(0, np.log(100))
            for name, p in self.parameters.items():
                state = self.muon.state.get(p) or self.adam.state.get(p) or {}
                self.average[name].lerp_(state.get("master", p).float(), 1 - decay)

    def trained(self):
        """Every parameter, in a fixed order."""
        return [*self.clip.parameters(), *self.bridge.parameters()]

    def note(self, entry):
        """Adds to the log and prints."""
        entry = {"step": self.step, "seconds": round(self.seconds), **entry}
        self.log.append(entry)
        print(json.dumps(entry), flush=True)

    def averaged(self):
        """A copy of the model with the averaged weights, float32."""
        clip = Clip(self.clip.text.tokens.num_embeddings)
        clip.load_state_dict(self.average)
        return clip.eval()

    def save(self, path):
        """Writes everything a later run needs, atomically."""
        state = {"clip": self.clip.state_dict(), "bridge": self.bridge.state_dict(), "muon": self.muon.state_dict(),
                 "adam": self.adam.state_dict(), "average": self.average, "step": self.step,
                 "seconds": self.seconds, "log": self.log}
        torch.save(state, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)

    def load(self, path):
        """Goes on from a file of `save`."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.clip.load_state_dict(state["clip"])
        self.bridge.load_state_dict(state["bridge"])
        for optimiser, kept in ((self.muon, state["muon"]), (self.adam, state["adam"])):
            shares = [g["share"] for g in optimiser.param_groups]
            optimiser.load_state_dict(kept)
            for p, held in _in_order(optimiser, kept):
                for key in ("master", "momentum", "mean", "square"):
                    if key in held:
                        optimiser.state[p][key] = held[key].to(DEVICE, torch.float32, copy=True)
            for group, share in zip(optimiser.param_groups, shares):
                group["share"] = share
        self.average = {name: mean.to(DEVICE) for name, mean in state["average"].items()}
        self.step, self.seconds, self.log = state["step"], state["seconds"], state["log"]


def _in_order(optimiser, kept):
    """Pairs of parameter and stored state; torch casts state to the parameter's type, which we undo."""
    params = [p for group in optimiser.param_groups for p in group["params"]]
    return [(p, kept["state"][i]) for i, p in enumerate(params) if i in kept["state"]]


@torch.no_grad()
def validate(clip, tokenizer, concepts, sets):
    """Zero-shot top-1 of both validation sets with "a photo of ..." labels, in bfloat16."""
    clip = clip.to(DEVICE, torch.bfloat16)
    rates = {}
    for source, photos in zip(SOURCES, sets):
        labels = concepts.cifar if source == "cifar10" else [concepts.names[i][0] for i in range(len(concepts.folders))]
        texts = clip.embed_texts(*_encoded(tokenizer, [fill("a photo of {}", n) for n in labels]))
        right = 0
        for at in range(0, len(photos), 250):
            images = normalise(to_tensor(photos.pixels[at : at + 250])).to(DEVICE, torch.bfloat16)
            best = (clip.embed_images(images)[0] @ texts.T).argmax(1).cpu().numpy()
            right += int((best == photos.labels[at : at + 250]).sum())
        rates[source] = right / len(photos)
    return rates


def _encoded(tokenizer, texts):
    """Ids and end places where the model is."""
    return [torch.from_numpy(values).to(DEVICE) for values in encode(tokenizer, texts)]


def learn(clip, bridge, batch, teacher, tokenizer, pixels):
    """The loss of one batch and its parts, for the log."""
    images, truth, positive = batch["images"].to(DEVICE, torch.bfloat16), batch["truth"].to(DEVICE), batch["positive"].to(DEVICE)
    grid = (SIZE - pixels) // VISION["patch"]
    corner = (int(torch.randint(grid + 1, ())), int(torch.randint(grid + 1, ())))
    pictures, tokens = clip.embed_images(images, corner=corner, middle=MIDDLE)
    texts = clip.embed_texts(*_encoded(tokenizer, batch["captions"]))
    logits = clip.scale.exp() * pictures @ texts.T
    own, second, other_way = contrastive(logits, truth, positive)
    rows = batch["rows"]
    photos = slice(0, rows["drawn"].start)
    loss = 0.5 * own[photos].sum() / len(own) + own[photos.stop :].sum() / len(own)
    loss = loss + 0.3 * second + 0.3 * other_way
    parts = {"own": own[photos].mean().item(), "drawn": own[rows["drawn"]].mean().item(),
             "glyphs": own[rows["glyphs"]].mean().item()}
    if teacher is not None:
        seen = images[photos]
        if pixels != SIDE:
            seen = F.interpolate(seen.float(), size=(SIDE, SIDE), mode="bilinear", antialias=True).to(seen.dtype)
        with torch.no_grad():
            features, _, targets = teacher(seen.contiguous(memory_format=torch.channels_last))
        for source, target, leaves in zip(SOURCES, targets, batch["leaves"]):
            term = distil(logits[rows[source]][:, leaves.to(DEVICE)], target[rows[source]].float())
            loss = loss + term * (rows[source].stop - rows[source].start) / len(own)
            parts["distil"] = term.item()
        if pixels == SIDE:
            guided = guide(bridge(tokens[photos]), features)
            loss = loss + guided
            parts["guide"] = guided.item()
    return loss, parts


class Clock:
    """How far the training is, by its hours or by the clock on the wall."""

    def __init__(self, run, args):
        self.run, self.args, self.before, self.start = run, args, run.seconds, time.time()

    def left(self):
        """The share of the training time that is left, at most 0 when it is over."""
        now = time.time()
        self.run.seconds = self.before + now - self.start
        total = self.run.seconds + self.args.until - now if self.args.until else self.args.hours * 3600
        return 1 - self.run.seconds / total

    def descending(self):
        """Whether the rate is on its way down."""
        return self.left() < self.args.descent


class Worker(threading.Thread):
    """Works out gradients on its own copy of the model, one core."""

    def __init__(self, index, run, clock, batches, teacher, tokenizer):
        super().__init__(daemon=True)
        self.run_, self.clock, self.teacher, self.tokenizer = run, clock, teacher, tokenizer
        self.batches = copy.copy(batches)
        seed = 1000 * run.step + index
        self.batches.rng, self.batches.torch_rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        self.batches.orders = [order[:0] for order in batches.orders]
        self.clip, self.bridge = copy.deepcopy(run.clip), copy.deepcopy(run.bridge)
        self.failure = None

    def run(self):
        """Batches until the clock says stop; a failure is printed and left in `failure`."""
        torch.set_num_threads(1)
        try:
            while self.clock.left() > 0:
                self._once()
        except Exception as failure:
            traceback.print_exc()
            self.failure = failure

    def _once(self):
        run, left, start = self.run_, self.clock.left(), time.time()
        own = [*self.clip.parameters(), *self.bridge.parameters()]
        with run.lock, torch.no_grad():
            for mine, shared in zip(own, run.trained()):
                mine.copy_(shared)
        pixels = SIZE if left < self.clock.args.full else SIDE
        batch = self.batches.batch(pixels, min_area=0.6)
        loss, parts = learn(self.clip, self.bridge, batch, self.teacher, self.tokenizer, pixels)
        gradients = torch.autograd.grad(loss, own, allow_unused=True)
        with run.lock:
            run.update(gradients, min(1.0, (run.step + 1) / 60, left / self.clock.args.descent))
            if run.step % 20 == 0:
                entry = {"loss": loss.item(), **parts, "scale": run.clip.scale.exp().item(),
                         "rate": len(batch["images"]) / (time.time() - start)}
                run.note({k: round(v, 3) for k, v in entry.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the photo zips and the class names")
    parser.add_argument("--work", required=True, help="folder for caches, checkpoints, log and plot")
    parser.add_argument("--hours", type=float, default=1.5, help="training time in all, earlier runs included")
    parser.add_argument("--until", type=float, help="or: the clock (seconds since 1970) at which to have finished")
    parser.add_argument("--descent", type=float, default=0.3, help="share of the hours for bringing the rate down")
    parser.add_argument("--full", type=float, default=0.1, help="share of the hours at the full picture size")
    parser.add_argument("--batch", type=int, default=320)
    parser.add_argument("--workers", type=int, default=2, help="threads, one core each (on a GPU they share it)")
    parser.add_argument("--entries", type=int, default=3000, help="size of the vocabulary")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    work = Path(args.work)

    batches = Batches(args.data, work, args.batch)
    val = [load_photos(f"{args.data}/{s}-val.zip", work / "cache") for s in SOURCES]
    if not (work / "tokenizer.json").exists():
        build(batches.corpus(12), args.entries).save(str(work / "tokenizer.json"))
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    teacher = load_teacher(work / "teacher.pt").to(DEVICE)
    run = Run(tokenizer.get_vocab_size(), teacher.middle[-1].b[0].out_channels)
    _resume(run, work, args)

    clock = Clock(run, args)
    workers = [Worker(i, run, clock, batches, teacher, tokenizer) for i in range(args.workers)]
    for worker in workers:
        worker.start()
    saved = checked = time.time()
    while any(worker.is_alive() for worker in workers):
        time.sleep(1)
        if any(worker.failure for worker in workers):
            os._exit(1)
        if clock.descending() and not (work / "stable.pt").exists():
            with run.lock:
                run.save(work / "stable.pt")
        if time.time() - checked > 600:
            checked = time.time()
            with run.lock:
                averaged = run.averaged()
            run.note({"val": validate(averaged, tokenizer, batches.concepts, val)})
        if time.time() - saved > 120:
            saved = time.time()
            with run.lock:
                run.save(work / "last.pt")
    run.note({"val": validate(run.averaged(), tokenizer, batches.concepts, val)})
    run.save(work / "final.pt")
    run.save(work / "last.pt")
    (work / "log.json").write_text(json.dumps(run.log))
    plot(run.log, work / "training.png")


def _resume(run, work, args):
    """Takes up `last.pt`, or `stable.pt` where the rate had already come down on the way to fewer hours."""
    last, stable = work / "last.pt", work / "stable.pt"
    if not last.exists():
        return
    run.load(last)
    total = run.seconds + args.until - time.time() if args.until else args.hours * 3600
    if stable.exists() and run.seconds < total * (1 - args.descent):
        run.load(stable)
        stable.unlink()
    print(f"resumed at step {run.step}, {run.seconds / 3600:.2f} hours", flush=True)


if __name__ == "__main__":
    main()
