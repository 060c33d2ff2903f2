"""Rounds the backbone's pointwise convolutions to 8 bits with the least error in what they give.

The q8 file has 8-bit codes and one scale for each output channel of a pointwise convolution. Rounding each weight by
itself moves the backbone's features by 6 %: inputs behind a ReLU6 are all positive, so that errors of a row add up.
Here each weight's error is made up for by the weights of its row that are not rounded yet (GPTQ, Frantar et al. 2022,
arXiv:2210.17323), and the mean of each output channel is restored in the batch normalization behind it (Nagel et al.
2019, arXiv:1906.04721, section 4.2). Conversion to q8 then finds the same codes again and loses nothing.
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import drawings
from backbone import MEAN, STD, load_backbone, prepare

LEVELS = 127
# Share of the mean diagonal that is added to the inputs' second moments, so that they can be inverted.
DAMPING = 0.01
# Images of each kind that the errors are measured on; all of them are training images.
PHOTOS, DRAWN, BATCH = {"tiny-imagenet-200-train": 96, "cifar10-train": 64}, 32, 32


def round_rows(weight, moments):
    """(outputs, inputs) on the 8-bit grid of each row. `moments` (inputs, inputs) are those of the inputs."""
    count = len(moments)
    scale = weight.abs().amax(1).clamp(min=1e-12) / LEVELS
    # A row's largest weight stays where it is, so that the scale can be found again.
    largest = weight.abs().argmax(1)
    damped = moments + torch.eye(count, dtype=moments.dtype) * (DAMPING * moments.diagonal().mean() + 1e-12)
    upper = torch.linalg.cholesky(torch.linalg.inv(damped), upper=True)
    left, rounded = weight.double().clone(), torch.empty_like(weight, dtype=torch.float64)
    for i in range(count):
        column = (left[:, i] / scale).round().clamp(-LEVELS, LEVELS)
        column = torch.where(largest == i, weight[:, i].sign() * LEVELS, column)
        rounded[:, i] = column * scale
        error = (left[:, i] - rounded[:, i]) / upper[i, i]
        left[:, i + 1 :] -= error[:, None] * upper[i, i + 1 :]
    return rounded.to(weight.dtype)


class Rounder:
    """The original backbone and the one that is being rounded, layer by layer on the same images."""

    def __init__(self, images):
        self.exact, self.rounded = load_backbone(), load_backbone()
        pixels = (torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255 - MEAN) / STD
        # Activations of both, a batch at a time.
        self.pairs = [(p, p.clone()) for p in pixels.split(BATCH)]

    def apply(self, of):
        """Runs a part of both networks; `of` finds it in one of them and gives a function."""
        exact, rounded = of(self.exact), of(self.rounded)
        self.pairs = [(exact(a), rounded(b)) for a, b in self.pairs]

    def round(self, find):
        """Rounds a pointwise convolution and runs it, its normalization included; `find` gives (convolution, norm)."""
        (exact, exact_norm), (conv, norm) = find(self.exact), find(self.rounded)
        moments = sum(_rows(b).T @ _rows(b) for _, b in self.pairs)
        weight = conv.weight.flatten(1)
        conv.weight.copy_(round_rows(weight, moments / sum(len(_rows(b)) for _, b in self.pairs)).view_as(conv.weight))
        pairs = [(exact(a), conv(b)) for a, b in self.pairs]
        norm.running_mean += torch.stack([(b - a).mean((0, 2, 3)) for a, b in pairs]).mean(0)
        self.pairs = [(exact_norm(a), norm(b)) for a, b in pairs]

    @torch.no_grad()
    def run(self):
        """The rounded backbone, and how far its features are from the original's."""
        self.apply(lambda net: lambda x: net._swish(net._bn0(net._conv_stem(x))))
        for i in range(len(self.exact._blocks)):
            self._block(i)
        self.round(lambda net: (net._conv_head, net._bn1))
        self.apply(lambda net: lambda x: net._swish(x).mean((2, 3)))
        exact, rounded = (torch.cat(side) for side in zip(*self.pairs))
        return self.rounded, ((rounded - exact).norm() / exact.norm()).item()

    def _block(self, i):
        block, inputs = self.exact._blocks[i], self.pairs
        args = block._block_args
        if args.expand_ratio != 1:
            self.round(lambda net: (net._blocks[i]._expand_conv, net._blocks[i]._bn0))
            self.apply(lambda net: net._blocks[i]._swish)
        self.apply(lambda net: lambda x: net._blocks[i]._swish(net._blocks[i]._bn1(net._blocks[i]._depthwise_conv(x))))
        self.round(lambda net: (net._blocks[i]._project_conv, net._blocks[i]._bn2))
        if block.id_skip and self.pairs[0][0].shape == inputs[0][0].shape:
            self.pairs = [(a + x, b + y) for (a, b), (x, y) in zip(self.pairs, inputs)]


def _rows(x):
    """(pixels, channels) in float64 of (batch, channels, height, width)."""
    return x.movedim(1, -1).flatten(0, -2).double()


def calibration_images(data, seed=5):
    """Some training images, prepared."""
    rng, images = np.random.default_rng(seed), []
    for name, count in PHOTOS.items():
        with zipfile.ZipFile(data / f"{name}.zip") as archive:
            names = sorted(n for n in archive.namelist() if not n.endswith("/"))
            images += [Image.open(io.BytesIO(archive.read(n))) for n in rng.permutation(names)[:count]]
    images += [Image.fromarray(drawings.draw(drawings.sample(rng, plain=i % 2 == 0), rng, side=224)) for i in range(DRAWN)]
    return [prepare(image) for image in images]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, type=Path, help="folder of the photo zips")
    parser.add_argument("--work", required=True, type=Path, help="receives backbone.pt")
    args = parser.parse_args()
    torch.set_num_threads(2)
    backbone, distance = Rounder(calibration_images(args.data)).run()
    torch.save(backbone.state_dict(), args.work / "backbone.pt")
    print(f"features differ by {distance:.4f}")


if __name__ == "__main__":
    main()
