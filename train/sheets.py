"""Sheets of one color: nothing but the color, flat, shaded or grainy, and what to say of it."""

import json
import zipfile

import numpy as np
from PIL import Image

from drawings import COLORS, write_png
from english import article

# Tones that the word of a color stands for, beside that of the drawn shapes.
TONES = {
    "red": [(255, 0, 0), (220, 20, 60), (178, 24, 30)], "green": [(0, 255, 0), (0, 128, 0), (60, 179, 90)],
    "blue": [(0, 0, 255), (30, 100, 240), (20, 40, 140)], "yellow": [(255, 255, 0), (255, 235, 90), (250, 215, 0)],
    "orange": [(255, 165, 0), (255, 120, 0), (240, 130, 40)], "purple": [(128, 0, 128), (150, 60, 200), (90, 20, 120)],
    "pink": [(255, 192, 203), (255, 105, 180), (255, 150, 190)], "brown": [(139, 69, 19), (101, 60, 30), (150, 95, 55)],
    "black": [(0, 0, 0), (25, 25, 28), (10, 10, 10)], "white": [(255, 255, 255), (244, 244, 240), (250, 250, 255)],
    "grey": [(128, 128, 128), (160, 160, 164), (100, 100, 100)], "cyan": [(0, 255, 255), (64, 224, 208), (0, 200, 210)],
}
TEXTS = ["{}", "{}", "{a} background", "the color {}", "{a} sheet of paper", "{a} wall", "{} paper", "plain {}",
         "something {}", "{a} surface", "{a} color", "{a} rectangle", "nothing but {}"]


def captions():
    """For each color the texts that are true of a sheet of it."""
    spelled = {color: [color, "gray"] if color == "grey" else [color] for color in COLORS}
    return [[t.replace("{a}", article(c)).replace("{}", c) for t in TEXTS for c in spelled[color]] for color in COLORS]


def draw(color, rng, side):
    """A sheet of the named color, (side, side, 3) uint8; one of two is perfectly flat."""
    tones = np.array([COLORS[color], *TONES[color]], float)
    mix = rng.dirichlet(np.full(len(tones), 0.5))
    sheet = np.broadcast_to(np.clip(mix @ tones, 0, 255), (side, side, 3))
    if rng.random() < 0.5:
        across, down = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
        slope = rng.normal(0, 0.05, 2)
        light = 1 + slope[0] * across + slope[1] * down - abs(rng.normal(0, 0.04)) * (across**2 + down**2)
        sheet = sheet * light[..., None] + rng.normal(0, rng.uniform(0, 6), (side, side, 1))
    return np.clip(np.rint(sheet), 0, 255).astype(np.uint8)


def evaluation_set(folder, per_class=5, seed=8):
    """Class folders of sheets, as `sheets.zip` and `sheets-names.json`; the first of each color is its plainest tone."""
    rng = np.random.default_rng(seed)
    with zipfile.ZipFile(folder / "sheets.zip", "w") as archive:
        for color in COLORS:
            plainest = np.full((224, 224, 3), TONES[color][0], np.uint8)
            for i in range(per_class):
                write_png(archive, f"{color}/{i}.png", draw(color, rng, 224) if i else plainest)
    (folder / "sheets-names.json").write_text(json.dumps({color: color for color in COLORS}, indent=1))


def images(count, rng):
    """(Pillow images, the index of each one's color) of `count` random sheets."""
    names = list(COLORS)
    colors = rng.integers(len(names), size=count)
    return (Image.fromarray(draw(names[c], rng, side=(64, 224)[i % 2])) for i, c in enumerate(colors)), colors
