"""A small convolutional teacher, trained first, thrown away after.

On a few hundred pictures a class a convolutional network learns far faster than a
vision transformer. It is trained on the same photos for some minutes; then the
image tower is guided by its feature map (8 x 8, one cell a patch) and by its
class distribution. Nothing of the teacher is in the exported model.
"""

import argparse
import json
import os
import time
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

from data import DEVICE, augment, load_photos, normalise, to_tensor
from optim import Adam, Muon

SIDE = 48  # pixels; three quarters of the model's, for speed
SOURCES = ("cifar10", "tiny-imagenet-200")


class Residual(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, width):
        super().__init__()
        self.a, self.b = _conv(width, width), _conv(width, width)

    def forward(self, x):
        return x + self.b(self.a(x))


def _conv(inputs, outputs, kernel=3, stride=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, 1 if kernel == 3 else 0, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Teacher(nn.Module):
    """Pictures to a feature map of one cell for every 8 x 8 patch, and one row of logits a source.

    It starts with 4 x 4 patches: on a CPU, feature maps any finer cost more in memory
    traffic than all the products together.
    """

    def __init__(self, classes, widths=(128, 256, 448)):
        super().__init__()
        a, b, c = widths
        self.stem = nn.Sequential(_conv(3, a, 4, 4), _conv(a, a), Residual(a))
        self.middle = nn.Sequential(_conv(a, b, 2, 2), Residual(b), Residual(b))
        self.late = nn.Sequential(_conv(b, c, 2, 2), Residual(c))
        self.heads = nn.ModuleList(nn.Linear(c, n) for n in classes)

    def forward(self, images):
        """(features (N, C, H/8, W/8), pooled (N, D), [logits of each source])."""
        features = self.middle(self.stem(images))
        late = self.late(features)
        pooled = (late.mean((2, 3)) + late.amax((2, 3))) * 0.5
        return features, pooled, [head(pooled) for head in self.heads]


def load_teacher(path):
    """The averaged weights of a checkpoint, frozen, in bfloat16."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    teacher = Teacher(state["classes"])
    teacher.load_state_dict(state["average"])
    teacher = teacher.eval().to(torch.bfloat16, memory_format=torch.channels_last)
    return teacher.requires_grad_(False)


def accuracy(teacher, sets):
    """Top-1 of each validation source."""
    teacher.eval()
    rates = []
    for source, photos in enumerate(sets):
        right = 0
        for start in range(0, len(photos), 250):
            images = to_tensor(photos.pixels[start : start + 250])
            images = normalise(F.interpolate(images, size=(SIDE, SIDE), mode="bilinear", antialias=True))
            images = images.to(DEVICE).contiguous(memory_format=torch.channels_last)
            with torch.no_grad(), torch.autocast(DEVICE.type, torch.bfloat16):
                logits = teacher(images)[2][source] + teacher(images.flip(3))[2][source]
            right += (logits.argmax(1).cpu().numpy() == photos.labels[start : start + 250]).sum()
        rates.append(float(right / len(photos)))
    teacher.train()
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the photo zips")
    parser.add_argument("--work", required=True, help="folder for caches and checkpoints")
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--batch", type=int, default=400)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bench", type=int, default=0, help="run this many steps, print the rate, stop")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    rng = torch.Generator().manual_seed(1)

    work = Path(args.work)
    train = [load_photos(f"{args.data}/{s}-train.zip", work / "cache") for s in SOURCES]
    val = [load_photos(f"{args.data}/{s}-val.zip", work / "cache") for s in SOURCES]
    classes = [len(p.folders) for p in train]
    teacher = Teacher(classes).to(DEVICE, memory_format=torch.channels_last)
    log = _resume(work / "teacher.pt", teacher)
    average = Teacher(classes).to(DEVICE)
    average.load_state_dict(teacher.state_dict())
    matrices = [p for p in teacher.parameters() if p.ndim == 4 and p.shape[1] > 3]
    others = [p for p in teacher.parameters() if not (p.ndim == 4 and p.shape[1] > 3)]
    muon = Muon(matrices, lr=0.03, momentum=0.9, weight_decay=0.02)
    adam = Adam(others, lr=4e-3, betas=(0.9, 0.98), weight_decay=0.02)
    base = [(muon, 0.03), (adam, 4e-3)]

    sizes = torch.tensor([len(p) for p in train])
    share = args.batch * sizes // sizes.sum()
    share[0] = args.batch - share[1:].sum()
    orders = [torch.randperm(len(p), generator=rng) for p in train]
    at = [0] * len(train)
    start, step = time.time(), 0
    while True:
        done = (time.time() - start) / (args.minutes * 60)
        if done >= 1 or (args.bench and step == args.bench):
            break
        rate = min(1.0, (step + 1) / 100) * (1 - done) ** 1.0 + 0.005
        for optimiser, lr in base:
            for group in optimiser.param_groups:
                group["lr"] = lr * rate
        parts, labels = [], []
        for i, photos in enumerate(train):
            if at[i] + share[i] > len(photos):
                orders[i], at[i] = torch.randperm(len(photos), generator=rng), 0
            pick = orders[i][at[i] : at[i] + share[i]].numpy()
            at[i] += int(share[i])
            parts.append(to_tensor(photos.pixels[pick]))
            labels.append(torch.from_numpy(photos.labels[pick]).to(DEVICE))
        images = normalise(augment(torch.cat(parts), rng, size=SIDE, min_area=0.45))
        images = images.to(DEVICE).contiguous(memory_format=torch.channels_last)
        with torch.autocast(DEVICE.type, torch.bfloat16):
            logits = teacher(images)[2]
        rows = torch.tensor([0, *share.tolist()]).cumsum(0)
        loss = sum(
            F.cross_entropy(logits[i][rows[i] : rows[i + 1]].float(), labels[i], label_smoothing=0.1,
                            reduction="sum")
            for i in range(len(train))
        ) / args.batch
        muon.zero_grad(set_to_none=True)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        muon.step()
        adam.step()
        step += 1
        decay = min(0.998, step / (step + 50))
        with torch.no_grad():
            for mean, now in zip(average.state_dict().values(), teacher.state_dict().values()):
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - decay)
                else:
                    mean.copy_(now)
        if step % 50 == 0:
            per_second = step * args.batch / (time.time() - start)
            print(f"step {step} {done:.0%} loss {loss.item():.3f} {per_second:.0f} pictures/s", flush=True)
        if step % 250 == 0:
            log.append({"step": step, "loss": loss.item(), "val": accuracy(average, val)})
            print("  averaged, val top-1 " + " ".join(f"{r:.3f}" for r in log[-1]["val"]), flush=True)
            _save(work / "teacher.pt", classes, average, log)
    if args.bench:
        print(f"{step * args.batch / (time.time() - start):.0f} pictures/s")
        return
    log.append({"step": step, "loss": loss.item(), "val": accuracy(average, val)})
    print(json.dumps(log[-1]))
    _save(work / "teacher.pt", classes, average, log)


def _resume(path, teacher):
    """Goes on from the average of an earlier run, and gives its log."""
    if not path.exists():
        return []
    state = torch.load(path, map_location="cpu", weights_only=True)
    teacher.load_state_dict(state["average"])
    return state["log"]


def _save(path, classes, average, log):
    state = {"classes": classes, "average": average.state_dict(), "log": log}
    torch.save(state, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)


if __name__ == "__main__":
    main()
